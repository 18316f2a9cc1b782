"""Provenance: by whom, from what and when something was built, whatever the form it was written in.

https://slsa.dev/spec/v1.0/provenance and, read only, https://slsa.dev/spec/v0.2/provenance; with the shapes that
GitHub's and GitLab's builders, the SLSA generators and BuildKit give them.
A level is nothing that provenance says of itself: it follows from who signed it and which builders are trusted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from entrepot.model.errors import InvalidEvidence

if TYPE_CHECKING:
    from entrepot.trust.statement import Statement

PROVENANCE_V1: Final = "https://slsa.dev/provenance/v1"
PROVENANCE_V0_2: Final = "https://slsa.dev/provenance/v0.2"

_MATERIALS: Final = 50_000
_TEXT: Final = 8192
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_COMMIT_DIGESTS: Final = ("gitCommit", "sha1", "sha256")
"""Where a commit is written; GitLab calls its sha1 a sha256."""
_ADDRESS: Final = re.compile(
    r"(?:https?|ssh|git)://(?:[^/@\s]*@)?(?P<host>[\w.-]+)(?P<port>:\d{1,5})?(?P<path>/[^?#@\s]*)(?:[@#](?P<ref>[^?#\s]*))?(?:[?#]\S*)?"
)
_SHORT_ADDRESS: Final = re.compile(r"[\w.-]+@(?P<host>[\w.-]+):(?P<path>[^:@?#\s]+)")
"""The short form of ssh."""
_BUILDKIT: Final = "https://mobyproject.org/buildkit@v1#metadata"


@dataclass(frozen=True, slots=True)
class Material:
    """Something that went into a build."""

    uri: str | None
    """As it was written: a package URL, ``git+https://…@ref``, or another address."""
    digests: Mapping[str, str]
    name: str | None = None

    @property
    def purl(self) -> str | None:
        """The package URL, where it is one."""
        return self.uri if self.uri is not None and self.uri.startswith("pkg:") else None


@dataclass(frozen=True, slots=True)
class Source:
    """The sources that a build started from."""

    repository: str
    """Its address in one spelling (`repository_address`)."""
    commit: str | None = None
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """How something was built, as its builder says."""

    builder: str | None
    build_type: str
    build: str | None
    """What the builder calls this one run."""
    source: Source | None
    materials: tuple[Material, ...]
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, statement: Statement) -> Provenance | None:
        """Read the provenance in a statement; None where the statement is of another type.

        Raises `InvalidEvidence` where it is not of the shape that its type demands.
        """
        if statement.predicate_type == PROVENANCE_V1:
            return _read_v1(statement.predicate)
        if statement.predicate_type == PROVENANCE_V0_2:
            return _read_v0_2(statement.predicate)
        return None


def _read_v1(predicate: Mapping[str, Any]) -> Provenance:
    definition, details = _object(predicate, "buildDefinition"), _object(predicate, "runDetails")
    metadata, parameters = _object(details, "metadata"), _object(definition, "externalParameters")
    materials = _materials(definition.get("resolvedDependencies"))
    return Provenance(
        builder=_text(_object(details, "builder"), "id"),
        build_type=_text(definition, "buildType") or "",
        build=_text(metadata, "invocationId"),
        source=_source(_parameters_source(parameters) or _buildkit_source(metadata), materials),
        materials=materials,
        started_at=_time(metadata, "startedOn"),
        finished_at=_time(metadata, "finishedOn"),
    )


def _read_v0_2(predicate: Mapping[str, Any]) -> Provenance:
    metadata = _object(predicate, "metadata")
    config = _object(_object(predicate, "invocation"), "configSource")
    materials = _materials(predicate.get("materials"))
    return Provenance(
        builder=_text(_object(predicate, "builder"), "id"),
        build_type=_text(predicate, "buildType") or "",
        build=_text(metadata, "buildInvocationID") or _text(metadata, "buildInvocationId"),
        source=_source(_located(config, "uri") or _buildkit_source(metadata), materials),
        materials=materials,
        started_at=_time(metadata, "buildStartedOn"),
        finished_at=_time(metadata, "buildFinishedOn"),
    )


def _parameters_source(parameters: Mapping[str, Any]) -> Source | None:
    """What version 1 leaves to each build type: where the sources are among the parameters."""
    # GitHub's workflows: {"workflow": {"repository", "ref", "path"}}.
    workflow = parameters.get("workflow")
    if isinstance(workflow, dict):
        found = _located(workflow, "repository")
        return None if found is None else Source(found.repository, found.commit, _text(workflow, "ref") or found.ref)
    for name in ("source", "configSource", "buildConfigSource", "config"):
        value = parameters.get(name)
        # GitLab's runner has the bare address; BuildKit and others have a descriptor.
        found = _located(value if isinstance(value, dict) else parameters, "uri" if isinstance(value, dict) else name)
        if found is not None:
            return found
    return None


def _buildkit_source(metadata: Mapping[str, Any]) -> Source | None:
    own = metadata.get(_BUILDKIT) or metadata.get("buildkit_metadata")
    vcs = _object(own, "vcs") if isinstance(own, dict) else {}
    found = _located(vcs, "source")
    revision = _text(vcs, "revision")
    return None if found is None else Source(found.repository, _commit_in(revision) or found.commit, found.ref)


def _located(within: Mapping[str, Any], name: str) -> Source | None:
    """The sources that an address of a repository names."""
    address = within.get(name)
    if not isinstance(address, str):
        return None
    repository, ref = _split_address(address)
    if repository is None:
        return None
    digests = within.get("digest")
    return Source(repository, _commit_of(digests) if isinstance(digests, dict) else None, ref)


def _source(found: Source | None, materials: tuple[Material, ...]) -> Source | None:
    """The sources, with the commit that the material of the same repository has; else the first repository at all."""
    for material in materials:
        repository, ref = _split_address(material.uri or "")
        commit = _commit_of(material.digests)
        if repository is None or commit is None:
            continue
        if found is None:
            is_repository = (material.uri or "").startswith(("git+", "git:")) or "gitCommit" in material.digests
            if is_repository:
                return Source(repository, commit, ref)
        elif found.repository == repository:
            return Source(repository, found.commit or commit, found.ref or ref)
    return found


def repository_address(address: str) -> str | None:
    """The address of a repository as it is looked up by: without ``git+``, ``.git``, user, ref and trailing slash.

    None for what is no address of a repository.
    """
    return _split_address(address)[0]


def _split_address(address: str) -> tuple[str | None, str | None]:
    """The repository and the ref of ``git+https://host/path@ref`` or ``https://host/path.git#ref``."""
    text = address.removeprefix("git+")
    found = _ADDRESS.fullmatch(text) or _SHORT_ADDRESS.fullmatch(text)
    if found is None:
        return None, None
    path = found["path"].strip("/").removesuffix(".git")
    if not path:
        return None, None
    # One repository is reached in several ways, and looked up in one.
    scheme = "http" if text.startswith("http://") else "https"
    port = found.groupdict().get("port") or ""
    return f"{scheme}://{found['host'].lower()}{port}/{path}", found.groupdict().get("ref") or None


def _commit_of(digests: Mapping[str, Any]) -> str | None:
    return next((found for name in _COMMIT_DIGESTS if (found := _commit_in(digests.get(name)))), None)


def _commit_in(text: object) -> str | None:
    return text if isinstance(text, str) and _COMMIT.fullmatch(text) else None


def _materials(found: Any) -> tuple[Material, ...]:
    if found is None:
        return ()
    if not isinstance(found, list) or len(found) > _MATERIALS:
        raise InvalidEvidence("provenance, materials", expected=f"a list of at most {_MATERIALS}")
    return tuple(_material(each) for each in found)


def _material(found: Any) -> Material:
    if not isinstance(found, dict):
        raise InvalidEvidence("provenance, material", expected="a JSON object")
    digests = found.get("digest") or {}
    if not isinstance(digests, dict) or not all(isinstance(value, str) for value in digests.values()):
        raise InvalidEvidence("provenance, material", expected="digests by algorithm")
    return Material(_text(found, "uri"), digests, _text(found, "name"))


def _object(within: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = within.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidEvidence(f"provenance, {name}", expected="a JSON object")
    return found


def _text(within: Mapping[str, Any], name: str) -> str | None:
    """A text; an empty one is none."""
    found = within.get(name)
    if found is None:
        return None
    if not isinstance(found, str) or len(found) > _TEXT:
        raise InvalidEvidence(f"provenance, {name}", expected=f"a text of at most {_TEXT} characters")
    return found or None


def _time(within: Mapping[str, Any], name: str) -> datetime | None:
    text = _text(within, name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidEvidence(f"provenance, {name}", expected="a time", actual=text[:100]) from error
