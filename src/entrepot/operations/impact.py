"""Who has it: every artifact with a package, or with what an advisory means, and where each of these artifacts is.

An artifact that contains one (an index its manifests) has it too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.advisory import State
from entrepot.model.component import Relation
from entrepot.model.errors import AdvisoryUnknown, InvalidName, InvalidReference, Unauthenticated
from entrepot.model.names import View
from entrepot.model.purl import Purl
from entrepot.operations import access
from entrepot.operations.suppress import read_judgements
from entrepot.operations.version_order import Bounds
from entrepot.scanning.ecosystems import order_of, subject_of, version_of
from entrepot.scanning.versions import ORDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from entrepot.model.access import Caller
    from entrepot.model.assessment import Suppression
    from entrepot.model.deployment import Deployment
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.operations.registry import Registry
    from entrepot.ports.advisories import Place

_RANGE: Final = re.compile(
    r"(?P<package>pkg:[^@\s]+(?:/%40[^@\s]*)?)@(?P<bounds>(?:<=?|>=?|=)[^<>=,\s]+(?:,(?:<=?|>=?|=)[^<>=,\s]+)*)"
)
_LONGEST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Hit:
    """An artifact that has what was asked for, where it is."""

    package: PackageId
    digest: Digest
    names: Sequence[ReferenceName]
    channels: Sequence[View]
    components: Sequence[Purl]
    """What it has of what was asked for."""
    relation: str
    state: State
    through: Digest | None
    """What in it has the component; None when that is the artifact itself."""
    deployments: Sequence[Deployment]
    """As what it runs; only for who may read the package by a role, not for everybody."""
    first_without: ReferenceName | None
    """The first version of the package after those that are hit which has it no more."""
    suppressed: Suppression | None = None
    """Why the flaw does not matter there; None where it does, and for a package."""


@dataclass(frozen=True, slots=True)
class Impact:
    """Who has it."""

    asked: str
    advisories: Sequence[str]
    """What the advisory is called by everybody; nothing for a package."""
    components: Sequence[Purl]
    """The versions that are meant, of those that are here."""
    artifacts: int
    """How many artifacts have one, whether or not the caller may know them."""
    hits: Sequence[Hit]
    truncated: bool
    """Whether there are more than were looked at."""


async def find_impact(registry: Registry, caller: Caller, asked: str, *, limit: int) -> Impact:
    """Who has a package (``pkg:pypi/requests``, ``…@2.30``, ``…@<2.31``), or what an advisory means.

    Only what the caller may read is told of.
    Raises `InvalidName`, `InvalidReference`, `AdvisoryUnknown`, `Unauthenticated`.
    """
    if caller.principal is None:
        raise Unauthenticated
    if len(asked) > _LONGEST:
        raise InvalidName(asked[:80], expected=f"at most {_LONGEST} characters")
    names: Sequence[str] = ()
    if asked.startswith("pkg:"):
        meant = await _versions(registry, asked)
    else:
        names, meant = await _advised(registry, asked)
    return await _look(registry, caller, asked, names, meant, limit=limit)


async def _advised(registry: Registry, asked: str) -> tuple[Sequence[str], Mapping[int, State]]:
    known = await registry.catalog.advisories.find_known([asked])
    if not known:
        raise AdvisoryUnknown(asked, expected="an advisory that was imported, or a package URL")
    names = sorted({name for each in known for name in each.notice.names})
    return names, await registry.catalog.advisories.list_affected([each.notice.id for each in known])


async def _versions(registry: Registry, asked: str) -> Mapping[int, State]:
    """The components that a package URL means, those whose versions cannot be compared as unknown."""
    text, test = _parse_range(asked)
    purl = Purl.parse(text)
    found: dict[int, State] = {}
    for number, component in await registry.catalog.advisories.list_versions(purl):
        if purl.version is not None and component.version != purl.version:
            continue
        state = State.AFFECTED if test is None else test(version_of(component))
        if state is not State.UNAFFECTED:
            found[number] = state
    return found


def _parse_range(asked: str) -> tuple[str, Callable[[str | None], State] | None]:
    """The package URL without a range behind it, and what tells whether a version is in the range.

    Raises `InvalidReference`, `InvalidName`.
    """
    match = _RANGE.fullmatch(asked)
    if match is None:
        return asked, None
    purl = Purl.parse(match["package"])
    name = order_of(subject_of(purl).ecosystem)
    if name is None:
        raise InvalidReference(asked, expected="a package whose versions have an order that is known")
    order = ORDERS[name]
    is_inside = Bounds(match["bounds"]).test(order)

    def test(version: str | None) -> State:
        if version is None:
            return State.UNKNOWN
        try:
            return State.AFFECTED if is_inside(version) else State.UNAFFECTED
        except InvalidReference:
            return State.UNKNOWN

    return match["package"], test


async def _look(
    registry: Registry, caller: Caller, asked: str, names: Sequence[str], meant: Mapping[int, State], *, limit: int
) -> Impact:
    advisories = registry.catalog.advisories
    holders = await advisories.list_holders(meant, limit=limit + 1)
    total = await advisories.count_holders(meant)
    by_artifact: dict[tuple[int, int], list[tuple[Purl, str, int]]] = {}
    for holder in holders[:limit]:
        held = by_artifact.setdefault((holder.package, holder.artifact), [])
        held.append((holder.component, holder.relation, holder.number))
    places = await advisories.list_places(by_artifact, limit=limit + 1)
    readable = [
        place
        for place in places[:limit]
        if access.may_read(caller, View(place.package.namespace), place.package, public=place.public)
    ]
    by_package: dict[int, list[int]] = {}
    for place in readable:
        by_package.setdefault(place.holder[0], []).append(place.artifact)
    repaired = await advisories.find_first_without(by_package, list(meant))
    running = await registry.catalog.deployments.list_running(
        [
            (place.package, place.digest)
            for place in readable
            if caller.rights.allows(Action.READ, View(place.package.namespace), place.package.name)
        ]
    )
    hits = [
        _hit(
            place,
            by_artifact[place.holder],
            meant,
            repaired=repaired.get(place.holder[0]),
            deployments=running.get((place.package, place.digest), ()),
        )
        for place in readable
    ]
    if names:
        hits = await _judged(registry, names, readable, hits)
    return Impact(
        asked=asked,
        advisories=names,
        components=sorted({holder.component for holder in holders[:limit]}, key=str),
        artifacts=total,
        hits=hits,
        truncated=len(holders) > limit or len(places) > limit,
    )


async def _judged(registry: Registry, names: Sequence[str], places: Sequence[Place], hits: Sequence[Hit]) -> list[Hit]:
    """The hits, those as suppressed of which somebody says that the flaw does not matter, of all that they have."""
    spoken_of = await registry.catalog.assessments.list_assessed(
        {(place.holder[0], artifact) for place in places for artifact in (place.artifact, place.holder[1])}
    )
    judged: list[Hit] = []
    for place, hit in zip(places, hits, strict=True):
        found = None
        if not spoken_of.isdisjoint({(place.holder[0], place.artifact), place.holder}):
            judgements = await read_judgements(registry, hit.package, hit.digest)
            said = [judgements.find(names, component, (place.holds,)) for component in hit.components]
            found = said[0] if said and None not in said else None
        judged.append(hit if found is None else replace(hit, suppressed=found))
    return judged


def _hit(
    place: Place,
    held: Sequence[tuple[Purl, str, int]],
    meant: Mapping[int, State],
    *,
    repaired: ReferenceName | None,
    deployments: Sequence[Deployment],
) -> Hit:
    affected = any(meant[number] is State.AFFECTED for *_, number in held)
    return Hit(
        package=place.package,
        digest=place.digest,
        names=place.names,
        channels=place.channels,
        components=[component for component, *_ in held],
        relation=min((Relation(relation) for _, relation, _ in held), key=lambda each: each.rank),
        state=State.AFFECTED if affected else State.UNKNOWN,
        through=None if place.digest == place.holds else place.holds,
        deployments=deployments,
        first_without=repaired,
    )
