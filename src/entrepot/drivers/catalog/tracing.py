"""From an artifact to what it was built from, and on: as far as provenance says, and as the caller may know.

Whether the caller may read a package is not for the database to say, so the way is walked here, a step for all that is
as far away: what it contains, and the materials of the provenance about that. A claim may go in circles; what was met
once is not walked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.drivers.catalog.rows import package_id
from entrepot.drivers.catalog.statements import load

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.statements import Statement
    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName
    from entrepot.ports.attestations import MayRead

TRACING: Final = load("tracing")

_NODES: Final = 10_000
"""So many things a trace looks at before it ends."""
_PAGE: Final = 1_000


class Trace:
    """One caller's way back from artifacts."""

    def __init__(self, questions: Questions, may_read: MayRead) -> None:
        self._questions = questions
        self._may_read = may_read
        self._packages: dict[int, bool] = {}

    async def follow(
        self, subject: Digest, *, namespace: NamespaceName, depth: int, limit: int
    ) -> Sequence[tuple[Any, ...]]:
        """The materials of all that was met within *depth* steps, the nearest first."""
        met: dict[int, int] = {}
        step = {blob for (blob,) in await self._questions.all(TRACING.find_subject, digest=str(subject))}
        for distance in range(depth):
            met.update(dict.fromkeys(step, distance))
            inside = step
            while inside and len(met) < _NODES:
                inside = await self._beyond(TRACING.list_parts, inside, TRACING.list_holding) - met.keys()
                met.update(dict.fromkeys(inside, distance))
                step |= inside
            if distance + 1 == depth or len(met) >= _NODES:
                break
            step = await self._beyond(TRACING.list_materials, step, TRACING.list_telling) - met.keys()
            if not step:
                break
        return await self._questions.all(
            TRACING.list_origins,
            met=_json(list(met.items())),
            packages=_json(await self._readable(TRACING.list_telling, met)),
            namespace=namespace,
            limit=limit,
        )

    async def _beyond(self, statement: Statement, blobs: Collection[int], packages: Statement) -> set[int]:
        """What a step leads to from *blobs*, in the packages that the caller may read."""
        readable = await self._readable(packages, blobs)
        found = await self._questions.all(statement, blobs=_json(blobs), packages=_json(readable), limit=_NODES)
        return {blob for (blob,) in found}

    async def _readable(self, statement: Statement, blobs: Collection[int]) -> list[int]:
        """Which of the packages that have to do with *blobs* the caller may read."""
        readable = []
        after = 0
        asked = _json(blobs)
        while True:
            page = await self._questions.all(statement, blobs=asked, after=after, limit=_PAGE)
            for number, namespace, format_, name, public in page:
                if number not in self._packages:
                    self._packages[number] = self._may_read(package_id(namespace, format_, name), bool(public))
                if self._packages[number]:
                    readable.append(number)
            if len(page) < _PAGE:
                return readable
            after = page[-1][0]


def _json(values: Collection[object]) -> str:
    return msgspec.json.encode(list(values)).decode()
