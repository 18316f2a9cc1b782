"""What runs where: deployments, as whoever deploys reports them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Self

    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId
    from entrepot.model.position import Position

RISKS: Final = frozenset({"critical-resource", "internet-exposed", "lateral-movement", "sensitive-data"})
"""What GitHub's deployment records may say of how exposed a service is."""

_LONGEST_SERVICE: Final = 256
_LONGEST_PLACE: Final = 128
_MOST_TAGS: Final = 32
_LONGEST_TAG: Final = 256


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where one artifact runs at a time: a service, in an environment, on a cluster, in a region.

    GitHub calls these the deployment name, the logical environment, the cluster and the physical environment; a
    deployment name is unique within the other three. What runs beside it, such as a canary, is a service of its own.
    """

    namespace: NamespaceName
    environment: str
    service: str
    cluster: str = ""
    region: str = ""

    @classmethod
    def parse(
        cls, namespace: NamespaceName, *, environment: str, service: str, cluster: str = "", region: str = ""
    ) -> Self:
        """Read what somebody reports. Raises `Invalid`."""
        return cls(
            namespace,
            environment=_text(environment, "environment", _LONGEST_PLACE),
            service=_text(service, "service", _LONGEST_SERVICE),
            cluster=_text(cluster, "cluster", _LONGEST_PLACE, optional=True),
            region=_text(region, "region", _LONGEST_PLACE, optional=True),
        )

    def __str__(self) -> str:
        """In words: ``payments in prod on eu-1``."""
        cluster = f" on {self.cluster}" if self.cluster else ""
        region = f" ({self.region})" if self.region else ""
        return f"{self.service} in {self.environment}{cluster}{region}"


@dataclass(frozen=True, slots=True)
class Particulars:
    """What else is known of a deployment; it may change while it lasts."""

    version: str = ""
    """The name that it was deployed by, if it was by one."""
    tags: Mapping[str, str] = field(default_factory=dict)
    risks: tuple[str, ...] = ()
    repository: str = ""
    """The source, where whoever deploys says it."""

    @classmethod
    def parse(
        cls,
        *,
        version: str = "",
        tags: Mapping[str, str] | None = None,
        risks: tuple[str, ...] = (),
        repository: str = "",
    ) -> Self:
        """Read what somebody reports. Raises `Invalid`."""
        if tags is not None and len(tags) > _MOST_TAGS:
            raise Invalid("tags", expected=f"at most {_MOST_TAGS}", actual=len(tags))
        if unknown := set(risks) - RISKS:
            raise Invalid(min(unknown)[:80], expected=f"a risk: {', '.join(sorted(RISKS))}")
        return cls(
            version=_text(version, "version", _LONGEST_PLACE, optional=True),
            tags={
                _text(key, "tag", _LONGEST_TAG): _text(value, "tag", _LONGEST_TAG, optional=True)
                for key, value in sorted((tags or {}).items())
            },
            risks=tuple(sorted(set(risks))),
            repository=_text(repository, "repository", _LONGEST_TAG, optional=True),
        )


@dataclass(frozen=True, slots=True)
class Deployment:
    """An artifact runs at a place, from one journal position until another."""

    id: int
    place: Place
    package: PackageId
    digest: Digest
    actor: str
    particulars: Particulars = field(default_factory=Particulars)
    from_position: Position | None = None
    until_position: Position | None = None
    since: datetime | None = None
    until: datetime | None = None
    changed_at: datetime | None = None
    """When its particulars were said last."""


def _text(text: str, what: str, longest: int, *, optional: bool = False) -> str:
    if not text and optional:
        return text
    if not 0 < len(text) <= longest or not text.isprintable() or text != text.strip():
        raise Invalid(f"{what} {text[:80]!r}", expected=f"1 to {longest} printable characters, without spaces around")
    return text
