"""Where an image comes from: back through the builds of what went into it, and forward from a commit.

Every image has provenance with some materials; one of them is an image before it, so that chains are long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import quantiles
from typing import Final

from bench.scale import Scale
from bench.session import ENTREPOT, Group, Session, say
from entrepot.app.parts import open_registry
from entrepot.model.access import Allowance, Caller, Principal, PrincipalKind, Rights, Role
from entrepot.model.build import Build, Material
from entrepot.model.digest import Digest
from entrepot.model.events import ArtifactPublished, NamespaceCreated
from entrepot.model.names import EVERY_PACKAGE, FormatName, NamespaceName, PackageId, PackageName, PrincipalName, View
from entrepot.model.namespace import Namespace
from entrepot.operations import attestations
from entrepot.operations.registry import Registry
from entrepot.ports.attestations import Attestation, BuildKey, Examined, Source
from entrepot.ports.catalog import Transaction
from entrepot.settings import load
from entrepot.testing.builders import Image, image, referrer

_CHAIN = "provenance, from an image back to the sources"
_COMMIT = "provenance, what was built from a commit"
_AT_MOST_MS = 50.0
_MATERIALS = 20
_TOGETHER = 200  # images in a change
_PACKAGE: Final = PackageId(NamespaceName("acme"), FormatName("oci"), PackageName("api"))
_READER: Final = Caller(
    Principal(PrincipalName("reader"), PrincipalKind.USER),
    Rights(((Allowance(Role.READER, View(_PACKAGE.namespace), EVERY_PACKAGE),),)),
)


def works(scale: Scale) -> Sequence[str]:
    del scale
    return [_CHAIN, _COMMIT]


def run(session: Session, wanted: Sequence[str]) -> None:
    rows = {work: session.row(work, "ms, p95", "lower", limit=_AT_MOST_MS) for work in wanted}
    data = session.home / "provenance"
    measured = asyncio.run(_measure(str(data), session.scale))
    for work, row in rows.items():
        for milliseconds in measured[work]:
            row.record(ENTREPOT, milliseconds)


async def _measure(data: str, scale: Scale) -> dict[str, list[float]]:
    """The 95th percentiles of each round."""
    async with open_registry(load({"data": data, "log_level": "error"}, environ={})) as registry:
        count = max(_TOGETHER, scale.many_artifacts // 100)
        say(f"provenance of {count:,} images")
        digests = await _fill(registry, count)
        found: dict[str, list[float]] = {_CHAIN: [], _COMMIT: []}
        for number in range(scale.rounds):
            say(f"provenance, round {number + 1}")
            chains, commits = [], []
            for probe in range(scale.probes):
                digest = digests[-1 - probe % (len(digests) // 2)]
                chains.append(await _time_chain(registry, digest))
                commits.append(await _time_commit(registry, _commit(probe % len(digests))))
            found[_CHAIN].append(quantiles(chains, n=20)[-1])
            found[_COMMIT].append(quantiles(commits, n=20)[-1])
        return found


async def _time_chain(registry: Registry, digest: Digest) -> float:
    start = time.perf_counter()
    origins = await attestations.trace(registry, _READER, View(_PACKAGE.namespace), _PACKAGE, digest=digest)
    took = time.perf_counter() - start
    assert len(origins) > _MATERIALS
    return took * 1000


async def _time_commit(registry: Registry, commit: str) -> float:
    start = time.perf_counter()
    found = await attestations.list_builds(registry, _READER, BuildKey.REVISION, commit, limit=100)
    took = time.perf_counter() - start
    assert len(found) == 1
    return took * 1000


async def _fill(registry: Registry, count: int) -> list[Digest]:
    namespace = Namespace(_PACKAGE.namespace, public=False)

    def create(transaction: Transaction) -> None:
        transaction.add_namespace(namespace)
        transaction.append("bench", NamespaceCreated(namespace=namespace.name))

    await registry.catalog.write(create)
    images = [image(b"layer %d" % number) for number in range(count)]
    for first in range(0, count, _TOGETHER):
        await registry.catalog.write(lambda transaction, first=first: _add(transaction, images, first))  # type: ignore[misc]  # its default is its argument
    return [each.digest for each in images]


def _add(transaction: Transaction, images: Sequence[Image], first: int) -> None:
    for number in range(first, min(first + _TOGETHER, len(images))):
        built, said = images[number], referrer(images[number])
        for each in (built, said):
            for blob in each.blobs:
                transaction.keep_blob(Digest.of(blob), len(blob), blob)
                transaction.add_blob_member(_PACKAGE, Digest.of(blob))
            transaction.keep_artifact(each.artifact)
            transaction.add_artifact_member(_PACKAGE, each.digest)
        attestation = Attestation(
            subject=built.digest,
            carrier=said.digest,
            ordinal=0,
            source=Source.REFERRER,
            holder=said.digest,
            kind="dsse",
            content=said.digest,
            seen_at=datetime(2026, 1, 31, 12, tzinfo=UTC),
            build=_build(number, images[number - 1].digest if number else None),
        )
        transaction.attestations.keep(_PACKAGE, said.digest, [Examined(attestation)])
    transaction.append(
        "bench",
        ArtifactPublished(
            namespace=_PACKAGE.namespace, package=_PACKAGE.path, digest=str(images[first].digest), media_type="bench"
        ),
    )


def _build(number: int, before: Digest | None) -> Build:
    materials = [
        Material(f"pkg:generic/part-{part}@{number}", str(Digest.of(b"part %d of %d" % (part, number))))
        for part in range(_MATERIALS - 1)
    ]
    if before is not None:
        materials.append(Material("pkg:oci/base", str(before)))
    return Build(
        builder="https://build.example.com",
        build=f"https://ci.example.com/runs/{number}",
        repository="https://git.example.com/acme/app",
        revision=_commit(number),
        materials=tuple(materials),
    )


def _commit(number: int) -> str:
    return Digest.of(b"commit %d" % number).hex[:40]


GROUP = Group(works, run)
