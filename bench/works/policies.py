"""May it? How long the policies of a door take to say so, and how long a promotion takes with its signed summary.

At the door of admission it is what a publication takes longer: within its change the facts are gathered and the policies
asked. A promotion is all of it: the facts gathered, the policies asked, the statement signed, one durable change.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Final

from bench.scale import Scale
from bench.session import ENTREPOT, Group, Session, say
from entrepot.app.parts import open_registry
from entrepot.model.artifact import Artifact
from entrepot.model.digest import Digest
from entrepot.model.names import ReferenceName, View, parse_channel, parse_namespace
from entrepot.model.policy import Door, Mode, Policy
from entrepot.model.promotion import PromotionState
from entrepot.operations.admission import ask_admission
from entrepot.operations.govern import create_namespace
from entrepot.operations.policies import set_policy
from entrepot.operations.promote import plan_promotion, promote
from entrepot.operations.publish import Draft, publish
from entrepot.operations.registry import Registry
from entrepot.operations.upload import StoredBlob
from entrepot.policy.defaults import DEFAULTS
from entrepot.policy.rules import decide, policy_set
from entrepot.ports.catalog import Transaction
from entrepot.settings import load
from entrepot.testing.builders import ADMINISTRATOR, image, package

_DECISION = "policies, the decision"
_ADMISSION = "policies, the decision about what is being published"
_PROMOTION = "policies, a promotion with its signed summary"
_LIMITS: Final = {_DECISION: 1.0, _ADMISSION: 1.0, _PROMOTION: 10.0}
_ADMITTING: Final = {
    "small": "size < 1000000000",
    "called-as-agreed": "version.matches('^[0-9]+([.][0-9]+){2}$') || version == ''",
    "of-a-team": "!('team' in annotations) || annotations['team'] in ['blue', 'green']",
    "by-somebody": "published_by != '' && !yanked",
}
"""Of what is known at once, nothing of which refuses."""
_API: Final = package("acme/api")
_PROD: Final = parse_channel("prod")


def works(scale: Scale) -> Sequence[str]:
    del scale
    return list(_LIMITS)


def run(session: Session, wanted: Sequence[str]) -> None:
    rows = {work: session.row(work, "ms, median", "lower", limit=_LIMITS[work]) for work in wanted}
    measured = asyncio.run(_measure(str(session.home / "policies"), session.scale))
    for work, row in rows.items():
        for milliseconds in measured[work]:
            row.record(ENTREPOT, milliseconds)


async def _measure(data: str, scale: Scale) -> dict[str, list[float]]:
    """The medians of each round: a promotion waits for the disk, which others use, too."""
    async with open_registry(load({"data": data, "log_level": "error"}, environ={})) as registry:
        await create_namespace(registry, ADMINISTRATOR, parse_namespace("acme"), public=False)
        for default in DEFAULTS:
            # Nothing examines what is published here: what they say is worked out, and lets through.
            await set_policy(registry, ADMINISTRATOR, replace(default, namespace=_API.namespace, mode=Mode.WARN))
        for name, condition in _ADMITTING.items():
            policy = Policy(name, Door.ADMISSION, condition, namespace=_API.namespace)
            await set_policy(registry, ADMINISTRATOR, policy)
        found: dict[str, list[float]] = {work: [] for work in _LIMITS}
        for number in range(scale.rounds):
            say(f"policies, round {number + 1}")
            names = [await _publish(registry, number, probe) for probe in range(scale.probes)]
            decisions = await _time_decisions(registry, names)
            admissions = [await _time_admission(registry, name) for name in names]
            promotions = [await _time_promotion(registry, name) for name in names]
            found[_DECISION].append(median(decisions))
            found[_ADMISSION].append(median(admissions))
            found[_PROMOTION].append(median(promotions))
        return found


async def _publish(registry: Registry, number: int, probe: int) -> ReferenceName:
    built = image(b"layer %d of %d" % (probe, number))
    blobs = tuple(StoredBlob(Digest.of(each), len(each), each) for each in built.blobs)
    name = ReferenceName(f"{number}.{probe}.0")
    await publish(registry, ADMINISTRATOR, _API, Draft(built.artifact, tags=(name,), blobs=blobs))
    return name


async def _time_decisions(registry: Registry, names: Sequence[ReferenceName]) -> list[float]:
    plan = await plan_promotion(registry, ADMINISTRATOR, _API, names[0], _PROD)
    own = await registry.catalog.policies.list(_API.namespace)
    policies = policy_set(own, DEFAULTS).at(_API, Door.PROMOTION, _PROD)
    took = []
    for _ in names:
        start = time.perf_counter()
        decision = decide(policies, plan.facts)
        took.append((time.perf_counter() - start) * 1000)
        assert len(decision.reasons) == len(DEFAULTS)
    return took


async def _time_admission(registry: Registry, name: ReferenceName) -> float:
    found = await registry.catalog.find_artifact(View(_API.namespace), _API, name=name)
    assert found is not None
    artifact = Artifact.parse(found.content, found.media_type)

    def change(transaction: Transaction) -> float:
        start = time.perf_counter()
        said = ask_admission(transaction, ADMINISTRATOR.name, _API, artifact, (name,))
        took = time.perf_counter() - start
        assert len(said.decision.reasons) == len(_ADMITTING)
        assert said.decision.allowed
        return took * 1000

    return await registry.catalog.write(change)


async def _time_promotion(registry: Registry, name: ReferenceName) -> float:
    start = time.perf_counter()
    done = await promote(registry, ADMINISTRATOR, _API, name, _PROD, seconds=0)
    took = time.perf_counter() - start
    assert done.state is PromotionState.APPLIED
    assert done.statement is not None
    return took * 1000


GROUP = Group(works, run)
