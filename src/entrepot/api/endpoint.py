"""One declaration for each operation of the management API: what routes it, and what the documentation says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from entrepot.api.shapes import texts as shapes
from entrepot.model.errors import (
    Erased,
    Invalid,
    PolicyDenied,
    Quarantined,
    RateLimited,
    RegistryError,
    StorageFull,
    StorageReadOnly,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from entrepot.wire.routes import Handler, Route

if TYPE_CHECKING:
    import msgspec

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """One way in which an operation succeeds."""

    description: str
    shape: Any = None
    """What its JSON looks like, if it is JSON of a shape."""
    media_type: str | None = None
    """What else it is, if anything."""


PARTS: Final[Mapping[str, Any]] = {
    "namespace": shapes.NamespaceText,
    "view": shapes.ViewText,
    "format": shapes.FormatText,
    "package": shapes.PackageText,
    "name": shapes.ReferenceText,
    "version": shapes.ReferenceText,
    "artifact": shapes.ArtifactText,
    "digest": shapes.DigestText,
    "channel": shapes.ChannelText,
    "principal": shapes.PrincipalText,
    "token": shapes.TokenId,
    "upstream": shapes.UpstreamText,
    "policy": shapes.PolicyText,
    "promotion": shapes.PromotionId,
    "plan": shapes.PlanId,
    "exemption": shapes.ExemptionId,
    "lease": shapes.HoldId,
    "hold": shapes.HoldId,
    "cluster": shapes.ClusterText,
    "source": shapes.AdvisorySourceText,
    "advisory": shapes.AdvisoryText,
    "signer": shapes.SignerText,
    "root": shapes.RootText,
    "form": shapes.SbomFormText,
    "issuer": shapes.IssuerText,
    "publisher": shapes.PublisherText,
    "webhook": shapes.WebhookId,
    "secret": shapes.SecretText,
}
"""What may stand in a path, by the name that a template gives it."""

_SEGMENT: Final = "[^/]+"
# No component of a name is a single "-", so it ends the name of a package, which may have slashes.
_SEGMENTS: Final = "(?!-(?:/|$))[^/]+(?:/(?!-(?:/|$))[^/]+)*"

_FIELD: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A method and a path, what is sent there, and what comes back.

    The first line of the handler's docstring is its summary, the rest its description; the handler's name is what
    metrics, the log and generated clients call it.
    """

    method: str
    path: str
    """With the parts in braces: ``/api/v1/namespaces/{namespace}``."""
    handler: Handler
    answers: Mapping[int, Answer]
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    body_optional: bool = False
    errors: tuple[type[RegistryError], ...] = ()
    """What it may be refused with, beside what may happen to any request."""
    revisioned: bool = False
    """Whether the answer has an entity tag, so that a client may ask whether it has changed."""

    @property
    def operation(self) -> str:
        """What metrics, the log and the documentation call it."""
        return str(getattr(self.handler, "__name__"))  # noqa: B009 (a Callable need not have one; ours are functions)

    @property
    def parts(self) -> list[str]:
        """The names of the path's parts, in order."""
        return _FIELD.findall(self.path)

    @property
    def refusals(self) -> tuple[type[RegistryError], ...]:
        """All that it may be refused with."""
        found: list[type[RegistryError]] = [Unauthenticated, *self.errors, RateLimited, Unavailable]
        if self.parts or self.query or self.body:
            found.append(Invalid)
        if "artifact" in self.parts:
            # Also who may read it is not given what is blocked, or was erased.
            found += [PolicyDenied, Quarantined, Erased]
        if self.body:
            found.append(TooLarge)
        if self.method != "GET":
            found += [StorageFull, StorageReadOnly]
        return tuple(found)

    def route(self) -> Route:
        """How the server finds it."""
        texts, parts = _FIELD.split(self.path)[::2], self.parts
        named = [f"(?P<{part}>{_SEGMENTS if part == 'package' else _SEGMENT})" for part in parts]
        pattern = "".join(re.escape(text) + name for text, name in zip(texts, [*named, ""], strict=True))
        return Route(self.method, pattern, self.handler, self.operation, _namespace_of)


@dataclass(frozen=True, slots=True)
class Subject:
    """Endpoints about one thing."""

    name: str
    description: str
    endpoints: tuple[Endpoint, ...]


def _namespace_of(path: Mapping[str, str]) -> str | None:
    """The namespace that a path is about, before anything is checked."""
    return path.get("namespace") or path.get("view", "").partition(".")[0] or None
