"""What a protocol is to the server: routes, and a way to say errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from entrepot.wire.errors import PROBLEMS, ErrorTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from entrepot.model.names import FormatName
    from entrepot.operations.registry import Accept, Describe, FindCarried, ReadThrough
    from entrepot.ports.formats import Rules
    from entrepot.wire.routes import Route


Challenge = Callable[[str, str, bytes], str]
"""``(method, path, query)`` to the further parameters of a Bearer challenge, such as ``,scope="…"``."""

Authenticate = Callable[[str, str], str]
"""``(base URL, path)`` to a whole challenge, for clients that know a scheme of their own."""


@dataclass(frozen=True, slots=True)
class Surface:
    """One protocol's place in the tree of paths."""

    name: str
    """The label in metrics and logs."""
    prefix: str
    """The first segment of its paths."""
    routes: Sequence[Route]
    errors: ErrorTable = PROBLEMS
    challenge: Challenge | None = None
    """For protocols whose clients ask for access tokens (Docker's): the scope to ask for. Others are asked for Basic."""
    authenticate: Authenticate | None = None
    """For protocols whose clients want a challenge of their own instead."""


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of package: its rules, and the surface that its own clients use."""

    title: str
    rules: Rules
    surface: Surface
    aliases: Sequence[Surface] = field(default_factory=tuple)
    """Further surfaces that its clients need, at other places."""
    read_through: ReadThrough | None = None
    """How it reads through to upstreams; None when it does not."""
    accept: Accept | None = None
    """How it takes a version that is pushed through OCI; None when versions are published by its own protocol alone."""
    evidence: FindCarried | None = None
    """What evidence its versions carry among their files; None when its tools put none there."""
    describe: Describe | None = None
    """How it says what a version is made of; None when its versions do not say."""
    ecosystem: str | None = None
    """What advisories call the ecosystem of its packages (`entrepot.scanning.ecosystems`), whose order its versions have.

    None when no advisory is about them, and their order is that of Semantic Versioning.
    """


def rules_of(formats: Sequence[Format]) -> Mapping[FormatName, Rules]:
    """The rules of each, as the registry wants them."""
    return {each.rules.format: each.rules for each in formats}


def read_through_of(formats: Sequence[Format]) -> Mapping[FormatName, ReadThrough]:
    """How each reads through, of those that do."""
    return {each.rules.format: each.read_through for each in formats if each.read_through is not None}


def accept_of(formats: Sequence[Format]) -> Mapping[FormatName, Accept]:
    """How each takes what is pushed through OCI, of those that do."""
    return {each.rules.format: each.accept for each in formats if each.accept is not None}


def evidence_of(formats: Sequence[Format]) -> Mapping[FormatName, FindCarried]:
    """What evidence versions carry among their files, of those whose versions may."""
    return {each.rules.format: each.evidence for each in formats if each.evidence is not None}


def ecosystems_of(formats: Sequence[Format]) -> Mapping[FormatName, str]:
    """What advisories call the ecosystem of each, of those that they are about."""
    return {each.rules.format: each.ecosystem for each in formats if each.ecosystem is not None}


def describe_of(formats: Sequence[Format]) -> Mapping[FormatName, Describe]:
    """How each says what a version is made of, of those that do."""
    return {each.rules.format: each.describe for each in formats if each.describe is not None}
