"""What is known to be bad of a list of packages, whether or not they are here: what ``npm audit`` and its kin ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.model.advisory import State, Subject
from entrepot.operations.match import judge
from entrepot.ports.advisories import Unmatched
from entrepot.scanning.rules import Compiled, decode_rule

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from entrepot.operations.registry import Registry
    from entrepot.ports.advisories import Known
    from entrepot.scanning.rules import Rule


@dataclass(frozen=True, slots=True)
class Advice:
    """An advisory that some of the versions of a package that were asked for have, or may have."""

    subject: Subject
    known: Known
    rule: Rule
    versions: tuple[str, ...]


async def audit(registry: Registry, asked: Mapping[Subject, Collection[str]]) -> Sequence[Advice]:
    """The advisories that mean one of these versions. It is nobody's secret, so anybody may ask."""
    found: list[Advice] = []
    for rule, known in await registry.catalog.advisories.list_rules(asked):
        decoded = decode_rule(rule.rule)
        compiled = Compiled(decoded)
        versions = tuple(
            version
            for version in asked.get(rule.subject, ())
            if judge(Unmatched(0, rule.subject, version), [(rule.subject, compiled)]).state is not State.UNAFFECTED
        )
        if versions:
            found.append(Advice(rule.subject, known, decoded, versions))
    return sorted(found, key=lambda each: (each.subject, each.known.notice.id))
