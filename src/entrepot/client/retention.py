"""What stays of a namespace's versions, and what goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from entrepot.client.connection import escape
from entrepot.client.packages import path_of
from entrepot.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from entrepot.client.address import Address
    from entrepot.client.connection import Connection
    from entrepot.client.packages import Packages


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """What stays of the names that a rule speaks of: each condition is a reason to stay by itself."""

    name: str
    kinds: tuple[str, ...] = ("version", "tag")
    """Of what it speaks: ``version``, ``tag``, ``unnamed``."""
    formats: tuple[str, ...] = ()
    """Of which formats; none means all."""
    packages: str = "*"
    names: str = "*"
    everything: bool = False
    last: int | None = None
    """How many stay, from the newest."""
    per: str = "package"
    """Of what these are counted: ``package``, ``major`` or ``minor``."""
    younger_than_seconds: int | None = None
    pulled_within_seconds: int | None = None
    cleared: bool = False

    @property
    def document(self) -> dict[str, object]:
        """The rule as it is sent."""
        return {
            "name": self.name,
            "kinds": list(self.kinds),
            "formats": list(self.formats),
            "packages": self.packages,
            "names": self.names,
            "everything": self.everything,
            "last": self.last,
            "per": self.per,
            "younger_than_seconds": self.younger_than_seconds,
            "pulled_within_seconds": self.pulled_within_seconds,
            "cleared": self.cleared,
        }


@dataclass(frozen=True, slots=True)
class Retention:
    """What a namespace keeps: the first rule that speaks of a name decides; what none speaks of stays."""

    rules: tuple[RetentionRule, ...] = ()
    automatic: bool = False
    """Whether what the rules let go goes by itself, every day."""


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """What the rules of a namespace let go at a time."""

    plan: str
    namespace: str
    state: str
    """``planned``, ``begun`` or ``applied``."""
    digest: str
    actor: str
    at: datetime
    rules: tuple[RetentionRule, ...]
    looked_at: int
    planned: int
    """How many are still to go."""
    kept: int
    """How many the rules would let go, and something keeps."""
    deleted: int
    moved: int
    """How many stayed because something changed meanwhile."""
    size: int
    """Bytes that are free once all of it has gone, shared ones counted once."""
    monthly_cost: float | None = None
    begun_by: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """Something that the rules let go."""

    ordinal: int
    format: str
    package: str
    digest: Digest
    names: tuple[str, ...]
    parts: tuple[Digest, ...]
    """What goes with it: what it contains and what refers to it."""
    rule: str
    reason: str
    at: datetime
    size: int
    """Bytes that are free once it and all before it have gone."""
    state: str
    pulled_at: datetime | None = None
    pulled_by: str = ""
    keeper: str | None = None
    """What keeps it all the same."""


@dataclass(frozen=True, slots=True)
class JudgedArtifact:
    """What the rules say of an artifact."""

    digest: Digest
    names: tuple[str, ...]
    goes: bool
    rule: str
    reason: str
    keeper: str | None = None


@dataclass(frozen=True, slots=True)
class Regretted:
    """Something that would have been deleted, and was pulled later."""

    format: str
    package: str
    digest: Digest
    names: tuple[str, ...]
    gone_at: datetime
    pulled_at: datetime
    pulled_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class RetentionReplay:
    """What rules would have done in the past."""

    looked_at: int
    gone: int
    regretted: tuple[Regretted, ...]
    known_since: datetime | None = None
    """Before then nobody wrote down what was pulled."""


@dataclass(frozen=True, slots=True)
class Retentions:
    """What stays and what goes. Every method raises `ClientError`."""

    _connection: Connection
    _packages: Packages

    def read(self, namespace: str) -> Retention:
        """By what rules a namespace keeps its versions."""
        return self._connection.call("GET", _of(namespace)).read(Retention)

    def set(self, namespace: str, retention: Retention) -> Retention:
        """Keep by these rules from now on."""
        document = {"rules": [rule.document for rule in retention.rules], "automatic": retention.automatic}
        return self._connection.call("PUT", _of(namespace), document=document).read(Retention)

    def plan(self, namespace: str) -> RetentionPlan:
        """Find out what the rules let go now."""
        return self._connection.call("POST", f"{_of(namespace)}/plans").read(RetentionPlan)

    def plans(self, namespace: str) -> Iterator[RetentionPlan]:
        """The plans that are remembered, the oldest first."""
        return self._connection.pages(f"{_of(namespace)}/plans", RetentionPlan)

    def read_plan(self, plan: str) -> RetentionPlan:
        """A plan, and what has become of it."""
        return self._connection.call("GET", _plan(plan)).read(RetentionPlan)

    def items(self, plan: str) -> Iterator[PlannedItem]:
        """What a plan lets go, in the order in which it goes."""
        return self._connection.pages(f"{_plan(plan)}/items", PlannedItem)

    def apply(self, plan: str, *, digest: str | None = None) -> RetentionPlan:
        """Let go what a plan says, as it was looked at; of a large one some, and the registry does the rest."""
        document = {} if digest is None else {"digest": digest}
        return self._connection.call("POST", _plan(plan), document=document, repeatable=True).read(RetentionPlan)

    def explain(self, address: Address | str) -> Iterator[JudgedArtifact]:
        """What the rules say of everything in a package."""
        return self._connection.pages(f"{path_of(self._packages.locate(address))}/-/retention", JudgedArtifact)

    def replay(self, namespace: str, *, rules: Sequence[RetentionRule] = (), days: int = 91) -> RetentionReplay:
        """What rules would have deleted in the past that was pulled later; without *rules*, those of the namespace."""
        document = {"rules": [rule.document for rule in rules], "days": days}
        path = f"{_of(namespace)}/replay"
        return self._connection.call("POST", path, document=document, repeatable=True).read(RetentionReplay)


def _of(namespace: str) -> str:
    return f"/api/v1/namespaces/{escape(namespace)}/retention"


def _plan(plan: str) -> str:
    return f"/api/v1/retention-plans/{escape(plan)}"
