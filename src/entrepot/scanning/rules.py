"""Which versions of a package an advisory means: compiled once from its record, asked for every component.

https://ossf.github.io/osv-schema/#evaluation. A version is affected if it is listed, or inside of any interval of any
range: nothing that is said elsewhere takes that back.
What cannot be told is `State.UNKNOWN`: a version or a bound that the ecosystem's order cannot read, an ecosystem
without an order, an advisory that says no versions at all. Only what was compared with everything is unaffected.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.model.advisory import State, Verdict
from entrepot.model.errors import Corrupt, InvalidReference
from entrepot.scanning.versions import ORDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Interval(msgspec.Struct, frozen=True, array_like=True):
    """Versions from one on, up to another."""

    introduced: str | None
    """None: from the very first."""
    end: str | None = None
    """None: all further ones."""
    inclusive: bool = False
    """Whether the end is affected itself (``last_affected``)."""
    repaired: bool = False
    """Whether the end is the repair (``fixed``)."""


class Rule(msgspec.Struct, frozen=True, array_like=True):
    """What one advisory says of one package; small, and as text in the catalog."""

    order: str | None
    """The name of the order of its versions."""
    intervals: tuple[Interval, ...] = ()
    versions: tuple[str, ...] = ()
    """Affected versions that no interval has."""
    unclear: bool = False
    """Whether it says something that cannot be compared with: what nothing else affects is unknown."""

    def encode(self) -> bytes:
        """The rule as the catalog keeps it."""
        return _ENCODER.encode(self)

    def judge(self, version: str | None) -> Verdict:
        """What is known of a version; None stands for a component without one."""
        return Compiled(self).judge(version)


UNCLEAR: Final = Verdict(State.UNKNOWN)
CLEAR: Final = Verdict(State.UNAFFECTED)

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Rule)


@lru_cache(maxsize=65_536)
def compile_rule(content: bytes) -> Compiled:
    """What `Rule.encode` wrote, ready to be compared with; remembered by its text, which many advisories share.

    Raises `Corrupt`.
    """
    return Compiled(decode_rule(content))


def decode_rule(content: bytes) -> Rule:
    """What `Rule.encode` wrote. Raises `Corrupt`."""
    try:
        return _DECODER.decode(content)
    except msgspec.MsgspecError as error:
        raise Corrupt("a compiled advisory") from error


def judge_all(rules: Iterable[Rule | Compiled], version: str | None) -> Verdict:
    """What several rules say of one version: affected by one is affected, and only what all clear is clear."""
    verdicts = [rule.judge(version) for rule in rules]
    for state in (State.AFFECTED, State.UNKNOWN):
        for verdict in verdicts:
            if verdict.state is state:
                return verdict
    return CLEAR


class Compiled:
    """A rule with its bounds as keys, ready to be compared with."""

    __slots__ = ("_intervals", "_keys", "_order", "_rule", "_versions")

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._order = None if rule.order is None else ORDERS.get(rule.order)
        self._versions = frozenset(rule.versions)
        self._intervals: list[tuple[Any, Any, Interval]] = []
        self._keys: list[Any] = []
        if self._order is not None:
            for interval in rule.intervals:
                low = None if interval.introduced is None else self._order(interval.introduced)
                high = None if interval.end is None else self._order(interval.end)
                self._intervals.append((low, high, interval))
            # The same version may be written in another way than it is listed: ``1.0`` is ``1.0.0`` to most.
            self._keys = sorted(key for version in rule.versions if (key := _key(self._order, version)) is not None)

    def judge(self, version: str | None) -> Verdict:
        """What is known of a version; None stands for a component without one."""
        if version in self._versions:
            key = None if self._order is None else _key(self._order, str(version))
            return Verdict(State.AFFECTED, None if key is None or not self._has(key) else self._fixed(key))
        if version is None:
            return UNCLEAR
        if self._order is None:
            # Without an order, a list is still a list.
            return UNCLEAR if self._rule.unclear or self._rule.intervals else CLEAR
        return self._judge_key(_key(self._order, version))

    def _judge_key(self, key: Any | None) -> Verdict:
        if key is None:
            return UNCLEAR
        if self._has(key):
            return Verdict(State.AFFECTED, self._fixed(key))
        at = bisect_left(self._keys, key)
        if at < len(self._keys) and not key < self._keys[at]:
            return Verdict(State.AFFECTED)
        return UNCLEAR if self._rule.unclear else CLEAR

    def _fixed(self, key: Any) -> str | None:
        """The lowest end behind this version that is in no interval."""
        ends = [
            (high, interval.end)
            for _, high, interval in self._intervals
            if high is not None and key < high and interval.repaired
        ]
        if len(ends) > 1:
            ends.sort(key=lambda end: end[0])
        for high, end in ends:
            if not self._has(high):
                return end
        return None

    def _has(self, key: Any) -> bool:
        # Asked for each component and each of its rules: a generator would take twice as long.
        for low, high, interval in self._intervals:
            if low is not None and key < low:
                continue
            if high is None or key < high or (interval.inclusive and not high < key):
                return True
        return False


def _key(order: Callable[[str], Any], version: str) -> Any | None:
    try:
        return _cached_key(order, version)
    except InvalidReference:
        return None


@lru_cache(maxsize=131_072)
def _cached_key(order: Callable[[str], Any], version: str) -> Any:
    return order(version)
