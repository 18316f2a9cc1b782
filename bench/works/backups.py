"""How long it takes to save an installation, to save it again, and to have it back: first, next, recovered, tried out.

The catalog is filled by the product's own publish operation, its log is grown and signed, and some blobs are files.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.catalog import fill
from bench.scale import KIB, Scale
from bench.session import ENTREPOT, Group, Session, say
from bench.works.catalog_size import Catalog, make
from entrepot.app import backups
from entrepot.app.drill import drill
from entrepot.app.parts import open_registry
from entrepot.model.digest import Digest
from entrepot.operations.backup import find_backup
from entrepot.operations.log import grow_log
from entrepot.operations.upload import add_blob
from entrepot.settings import Settings
from entrepot.testing.builders import ADMINISTRATOR, package, stream

_DATA: Final = "data"
_ARTIFACTS_PER_FILE: Final = 50
_FILE_SIZE: Final = 256 * KIB
_MORE: Final = 100
"""Every so manieth comes after the first backup."""
_PASSPHRASE: Final = b"of a benchmark, and of nothing else"


def works(scale: Scale) -> Sequence[str]:
    return _titles(scale.backed_up_artifacts)


def _titles(artifacts: int) -> list[str]:
    files = f"{artifacts:,} artifacts and {artifacts // _ARTIFACTS_PER_FILE:,} files"
    return [
        f"backup, the first of {files}",
        f"backup, the next after {artifacts // _MORE:,} more",
        f"recovery of {files}",
        f"backup verify --boot of {files}",
    ]


def run(session: Session, wanted: Sequence[str]) -> None:
    artifacts = session.scale.backed_up_artifacts
    with TemporaryDirectory(dir=session.home, prefix="backups-") as home:
        make(Catalog(artifacts, Path(home, _DATA)), session.catalogs)
        measured = asyncio.run(_measure(Path(home), artifacts))
    for work, seconds in zip(_titles(artifacts), measured, strict=True):
        if work in wanted:
            session.row(work, "s", "lower").record(ENTREPOT, seconds)


async def _measure(home: Path, artifacts: int) -> list[float]:
    settings, target = Settings(data=str(home / _DATA)), str(home / "backups")
    await _fill(settings, artifacts)
    say("backing up")
    first = await _timed(lambda: backups.back_up(settings, target, passphrase=_PASSPHRASE))
    await _fill(settings, artifacts + artifacts // _MORE)
    say("backing up again")
    again = await _timed(lambda: backups.back_up(settings, target, passphrase=_PASSPHRASE))
    async with backups.open_backups(target) as store:
        backup = await find_backup(store)
        say("recovering")
        new = Settings(data=str(home / "new"))
        recovered = await _timed(lambda: backups.recover(new, store, backup, passphrase=_PASSPHRASE))
        say("trying out")
        booted = await _timed(lambda: drill(store, backup, passphrase=_PASSPHRASE, samples=100, scratch=home))
    return [first, again, recovered, booted]


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _fill(settings: Settings, artifacts: int) -> None:
    await asyncio.to_thread(
        fill, settings.data_path, artifacts, lambda count, seconds: say(f"{count:,} in {seconds:,.0f} s")
    )
    async with open_registry(settings) as registry:
        for number in range(artifacts // _ARTIFACTS_PER_FILE):
            content = hashlib.sha256(b"%d" % number).digest() * (_FILE_SIZE // 32)
            place = package("bench/files")
            await add_blob(
                *(registry, ADMINISTRATOR, place),
                expected=Digest.of(content),
                content=stream(content),
                size=len(content),
            )
        await grow_log(registry)


GROUP = Group(works, run)
