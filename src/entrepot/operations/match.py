"""Compare components with advisories: what is new on one side with all of the other, and never by reading a byte again.

A component is compared when it is first seen in any artifact, with all advisories of its package; an advisory when it
comes or changes, with the components of its packages. Both happen inside of the change that brings the news.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.model.advisory import State, Subject, Verdict
from entrepot.model.events import ComponentsMatched
from entrepot.ports.advisories import Match, Unmatched
from entrepot.scanning.ecosystems import subject_of, version_of
from entrepot.scanning.rules import Compiled, compile_rule, judge_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from entrepot.operations.registry import Registry
    from entrepot.ports.advisories import KnownRule
    from entrepot.ports.catalog import Transaction
    from entrepot.scanning.rules import Rule

_AT_ONCE: Final = 500
"""Components that one change compares: others wait meanwhile."""
ACTOR: Final = "entrepot"
NAMELESS: Final = Subject("", "")
"""What a component is that advisories have no name for."""


async def match_new_components(registry: Registry) -> int:
    """Compare all components that nobody compared yet; how many there were."""
    compared = 0
    while found := await registry.catalog.write(match_some):
        compared += found
    return compared


def match_some(transaction: Transaction) -> int:
    """Compare some of the components that nobody compared yet; how many."""
    unnamed = transaction.advisories.list_unnamed(limit=_AT_ONCE)
    components: list[Unmatched] = []
    for number, purl in unnamed:
        subject, version = (NAMELESS, None) if purl is None else (subject_of(purl), version_of(purl))
        transaction.advisories.name(number, subject, version)
        components.append(Unmatched(number, subject, version))
    matches = match_components(components, transaction.advisories.list_rules({each.subject for each in components}))
    transaction.advisories.match(matches)
    if components:
        transaction.append(ACTOR, ComponentsMatched(components=len(components), matches=len(matches)))
    return len(components)


def match_components(components: Iterable[Unmatched], known: Iterable[KnownRule]) -> list[Match]:
    """What components have of what is known of their packages."""
    by_package: dict[tuple[str, str], list[KnownRule]] = {}
    for each in known:
        by_package.setdefault((each.subject.ecosystem, each.subject.name), []).append(each)
    matches: list[Match] = []
    for component in components:
        rules: dict[int, list[tuple[Subject, Compiled]]] = {}
        for each in by_package.get((component.subject.ecosystem, component.subject.name), ()):
            rules.setdefault(each.advisory, []).append((each.subject, compile_rule(each.rule)))
        for advisory, said in rules.items():
            verdict = judge(component, said)
            if verdict.state is not State.UNAFFECTED:
                matches.append(Match(component.component, advisory, verdict))
    return matches


def match_advisory(
    transaction: Transaction,
    advisory: int,
    rules: Mapping[Subject, Rule],
    seen: dict[tuple[str, str], Sequence[Unmatched]],
) -> int:
    """Compare an advisory with the components of its packages; how many it means. *seen* is kept for the next one."""
    by_package: dict[tuple[str, str], list[tuple[Subject, Compiled]]] = {}
    for subject, rule in rules.items():
        by_package.setdefault((subject.ecosystem, subject.name), []).append((subject, Compiled(rule)))
    matches: list[Match] = []
    for key, said in by_package.items():
        if key not in seen:
            seen[key] = transaction.advisories.list_components(Subject(*key))
        for component in seen[key]:
            verdict = judge(component, said)
            if verdict.state is not State.UNAFFECTED:
                matches.append(Match(component.component, advisory, verdict))
    transaction.advisories.match(matches)
    return len(matches)


def judge(component: Unmatched, said: Sequence[tuple[Subject, Compiled]]) -> Verdict:
    """What one advisory says of the package of a component: of a distribution, what it says of its release.

    Where nobody says which release it is, what any release has is unknown of it.
    """
    if len(said) == 1 and said[0][0].release == component.subject.release:
        return said[0][1].judge(component.version)
    own = [rule for subject, rule in said if subject.covers(component.subject)]
    verdict = judge_all(own, component.version)
    if verdict.state is State.AFFECTED or component.subject.release:
        return verdict
    others = [rule for subject, rule in said if not subject.covers(component.subject)]
    anywhere = judge_all(others, component.version)
    return verdict if anywhere.state is State.UNAFFECTED else Verdict(State.UNKNOWN, anywhere.fixed)
