"""A build as its provenance tells it: who built, from what, in which run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Material:
    """Something that went into a build."""

    uri: str | None = None
    digest: str | None = None
    """``sha256:…``, ``sha512:…`` or ``gitCommit:…``, in lower-case hexadecimal."""
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Build:
    """What a statement of provenance says; believed as far as the statement is."""

    builder: str | None = None
    """The id of the platform that built."""
    build_type: str | None = None
    build: str | None = None
    """The id of the run."""
    repository: str | None = None
    """Where the source is, without scheme prefixes such as ``git+`` and without the ref."""
    revision: str | None = None
    """The commit."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    materials: tuple[Material, ...] = ()
