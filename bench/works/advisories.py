"""What is known to be bad, compared with a catalog of many artifacts: no server in between, the product's operations."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.advisories import ADVISORIES, PACKAGES, POPULAR, USES_PER_ARTIFACT, VERSIONS, fill
from bench.scale import Scale
from bench.session import ENTREPOT, Group, Session, say
from entrepot.app.parts import open_registry
from entrepot.model.access import Allowance, Caller, Principal, PrincipalKind, Rights, Role
from entrepot.model.advisory import Subject
from entrepot.model.names import PrincipalName
from entrepot.operations.advisories import import_advisories
from entrepot.operations.impact import find_impact
from entrepot.operations.match import match_components
from entrepot.operations.registry import Registry
from entrepot.ports.advisories import KnownRule, Unmatched
from entrepot.ports.catalog import Transaction
from entrepot.settings import Settings

_SBOM = 2_000
_SBOM_AT_MOST_MS = 50.0
_REMATCH_AT_MOST_MS = 1_000.0
_IMPACT_AT_MOST_MS = 100.0
_CALLER = Caller(Principal(PrincipalName("bench"), PrincipalKind.USER), Rights(((Allowance(Role.ADMINISTRATOR),),)))

_NEW = "CVE-2026-1000000"
_MATCH = f"{_SBOM:,} components matched with {ADVISORIES:,} advisories"


def _rematch(scale: Scale) -> str:
    return f"new advisory, {scale.many_artifacts:,} artifacts, {scale.many_artifacts * USES_PER_ARTIFACT:,} uses"


def _impact(scale: Scale) -> str:
    return f"impact, {scale.many_artifacts:,} artifacts"


def works(scale: Scale) -> Sequence[str]:
    return [_MATCH, _rematch(scale), _impact(scale)]


def run(session: Session, wanted: Sequence[str]) -> None:
    with TemporaryDirectory(dir=session.home, prefix="advisories-") as home:
        ready = None if session.catalogs is None else session.catalogs / f"advisories-{session.scale.many_artifacts}"
        data = Path(home) if ready is None or not ready.exists() else ready
        fill(data, session.scale.many_artifacts, say)
        asyncio.run(_measure(session, data, wanted))


async def _measure(session: Session, data: Path, wanted: Sequence[str]) -> None:
    async with open_registry(Settings(data=str(data))) as registry:
        for number in range(session.scale.rounds):
            for work, limit, measure in (
                (_MATCH, _SBOM_AT_MOST_MS, _match_sbom),
                (_rematch(session.scale), _REMATCH_AT_MOST_MS, _import_one),
                (_impact(session.scale), _IMPACT_AT_MOST_MS, _ask_impact),
            ):
                if work in wanted:
                    begun = time.perf_counter()
                    await measure(registry, number)
                    taken = (time.perf_counter() - begun) * 1_000
                    session.row(work, "ms", "lower", limit=limit).record(ENTREPOT, taken)


async def _match_sbom(registry: Registry, number: int) -> None:
    """What a change that indexes an SBOM does for the components that are new: find the rules, and judge."""
    components = [
        Unmatched(each, Subject("pypi", f"package-{(each * 7 + number) % PACKAGES}"), f"1.{each % VERSIONS}")
        for each in range(_SBOM)
    ]

    def change(transaction: Transaction) -> None:
        rules: Sequence[KnownRule] = transaction.advisories.list_rules({each.subject for each in components})
        match_components(components, rules)

    await registry.catalog.write(change)


async def _import_one(registry: Registry, number: int) -> None:
    """An advisory about the package that the most artifacts have; each round it is another one."""
    events = [{"introduced": "0"}, {"fixed": "1.9"}]
    package = {"ecosystem": "PyPI", "name": f"package-{(POPULAR - 1) // VERSIONS}"}
    affected = {"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    record = {
        "id": f"NEW-{time.time_ns()}-{number}",
        "modified": "2026-01-31T12:00:00Z",
        "aliases": [_NEW],
        "affected": [affected],
    }
    await import_advisories(registry, _CALLER, "new", _once(json.dumps(record).encode()))


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _ask_impact(registry: Registry, number: int) -> None:
    """By turns of a flaw that very many artifacts have, and of a package that few have."""
    asked = _NEW if number % 2 else f"pkg:pypi/package-{100 + number}@<1.5"
    found = await find_impact(registry, _CALLER, asked, limit=1_000)
    if not found.hits and asked != _NEW:
        raise RuntimeError(asked)


GROUP = Group(works, run)
