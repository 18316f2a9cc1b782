"""A drill: is a backup an installation? One is made of it, started, asked like any other, and thrown away.

It is a server of its own on loopback, over SQLite and files whatever the backup was made of. It does nothing by itself:
no follower and no schedule runs, so nobody outside hears of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import sys
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
import msgspec

from entrepot.app.backups import Recovered, recover
from entrepot.app.parts import open_registry
from entrepot.drivers.scratch import scratch_folder
from entrepot.formats.oci.names import print_name
from entrepot.model.errors import InvalidProof, Unavailable
from entrepot.model.names import View
from entrepot.operations.check import Violation, check
from entrepot.operations.token import recover_administrator
from entrepot.settings import Settings
from entrepot.trust.log.checkpoints import Checkpoint
from entrepot.trust.log.merkle import leaf_hash
from entrepot.trust.log.notes import NoteKey
from entrepot.trust.log.proofs import LogProof
from entrepot.trust.log.tiles import EMPTY, ENTRIES, WIDTH, Tile, unpack_entries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from entrepot.model.digest import Digest
    from entrepot.operations.registry import Registry
    from entrepot.ports.backups import BackupStore
    from entrepot.ports.collection import Place
    from entrepot.trust.backup import SealedBackup, SealedLog

_START_SECONDS: Final = 120
_STOP_SECONDS: Final = 30
_ANSWER_SECONDS: Final = 60
_SERVE: Final = "from entrepot.cli import main; main()"
_HIDDEN: Final = frozenset({httpx.codes.FORBIDDEN, httpx.codes.UNAVAILABLE_FOR_LEGAL_REASONS})
"""Said of what is blocked: it is there, and not served."""


@dataclass(frozen=True, slots=True)
class Drilled:
    """What a drill came to."""

    recovered: Recovered
    start_seconds: float
    """From the beginning of the server until it could answer."""
    violations: list[Violation]
    entries: int
    """Of the log, which were read and are those of the signed checkpoint."""
    blobs: int
    """That were asked for at random, and came as they were."""
    proofs: int
    """That what was asked for had been published when the journal says, by the log."""
    problems: list[str]

    @property
    def seconds(self) -> float:
        """How long it takes to serve again: the recovery time."""
        return self.recovered.seconds + self.start_seconds


@dataclass(frozen=True, slots=True)
class _Sample:
    digest: Digest
    place: Place


async def drill(
    store: BackupStore, backup: SealedBackup, *, passphrase: bytes | None, samples: int, scratch: Path | None = None
) -> Drilled:
    """Make a throw-away installation of a backup below *scratch*, and look at it from outside.

    Without the *passphrase* it has other keys; the log's tree is held against the checkpoint in the manifest anyway.
    Raises `InvalidBackup`, `InvalidKey`, `Unavailable`.
    """
    log = backup.manifest.log
    with scratch_folder("drill", inside=scratch) as folder:
        settings = Settings(
            data=str(folder / "data"), listen="localhost:0", log_origin="" if log is None else log.origin
        )
        recovered = await recover(settings, store, backup, passphrase=passphrase, new_keys=passphrase is None)
        async with open_registry(settings) as registry:
            violations = await check(registry)
            token = (await recover_administrator(registry)).text
            chosen = await _choose(registry, samples)
        began = time.monotonic()
        async with _serving(settings, folder) as url:
            start_seconds = time.monotonic() - began
            headers = {"authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(base_url=url, headers=headers, timeout=_ANSWER_SECONDS) as client:
                return await _look(client, Drilled(recovered, start_seconds, violations, 0, 0, 0, []), chosen)


async def _choose(registry: Registry, count: int) -> list[_Sample]:
    """Blobs at random, each with a package that has it; fewer where there are fewer."""
    chosen: dict[Digest, _Sample] = {}
    for _ in range(2 * count):
        # Digests are spread evenly: the next one after a random place is a random one.
        for after in (f"sha256:{secrets.token_hex(32)}", ""):
            if found := await registry.catalog.iter_blobs(after=after, limit=1):
                break
        else:
            return []
        digest = found[0].digest
        if places := await registry.catalog.collection.list_places(digest, limit=1):
            chosen[digest] = _Sample(digest, places[0])
        if len(chosen) == count:
            break
    return list(chosen.values())


@asynccontextmanager
async def _serving(settings: Settings, folder: Path) -> AsyncIterator[str]:
    """The server over an installation, on a free port. Raises `Unavailable` when it does not start."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ENTREPOT_")}
    told = {
        "DATA": settings.data,
        "LISTEN": settings.listen,
        "LOG_ORIGIN": settings.log_origin,
        "FOLLOWERS": "false",
        "ACCESS_LOG": "false",
        "LOG_LEVEL": "warning",
    }
    with (folder / "server.log").open("wb") as log:
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _SERVE, "serve"),
            cwd=folder,
            env=inherited | {f"ENTREPOT_{name}": value for name, value in told.items()},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        assert server.stdout is not None  # noqa: S101 - it was asked for
        line = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_SECONDS):
                line = await server.stdout.readline()
        word, _, url = line.decode().strip().partition(" ")
        if word != "ready":
            told_last = (folder / "server.log").read_text(errors="replace")[-2_000:]
            raise Unavailable(f"the throw-away server did not start: {told_last.strip() or 'it says nothing'}")
        yield url
    finally:
        with suppress(ProcessLookupError):
            server.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await server.wait()
        except TimeoutError:
            server.kill()
            await server.wait()


# --- looking at it ---


async def _look(client: httpx.AsyncClient, drilled: Drilled, chosen: Sequence[_Sample]) -> Drilled:
    log = drilled.recovered.backup.manifest.log
    problems, entries, blobs, proofs = [], 0, 0, 0
    if log is not None:
        entries, problem = await _walk_log(client, log)
        problems += [] if problem is None else [problem]
    for sample in chosen:
        problem = await _read(client, sample)
        blobs += problem is None
        problems += [] if problem is None else [f"{sample.digest}: {problem}"]
        if log is not None and sample.place.since <= log.size:
            problem = await _prove(client, sample)
            proofs += problem is None
            problems += [] if problem is None else [f"position {sample.place.since}: {problem}"]
    return Drilled(drilled.recovered, drilled.start_seconds, drilled.violations, entries, blobs, proofs, problems)


async def _walk_log(client: httpx.AsyncClient, log: SealedLog) -> tuple[int, str | None]:
    """Read every entry of the log, and hold the tree of them against the checkpoint that was signed; how many, and what is wrong."""
    edge = EMPTY
    try:
        checkpoint, _ = Checkpoint.open(log.checkpoint.encode(), log.origin, [NoteKey.parse(key) for key in log.keys])
        while edge.size < checkpoint.size:
            number = edge.size // WIDTH
            tile = Tile(ENTRIES, number, min(WIDTH, checkpoint.size - number * WIDTH))
            answer = await client.get(f"/log/{tile}")
            if answer.status_code != httpx.codes.OK:
                return edge.size, f"/log/{tile}: {answer.status_code} {answer.text[:200]}"
            edge, _ = edge.grow([leaf_hash(leaf) for leaf in unpack_entries(tile, answer.content)])
    except InvalidProof as error:
        return edge.size, str(error)
    if edge.root != checkpoint.root:
        return edge.size, f"the log's root is {edge.root.hex()}, {checkpoint.root.hex()} was signed"
    return edge.size, None


async def _read(client: httpx.AsyncClient, sample: _Sample) -> str | None:
    """Fetch a blob as a client does, and compare it with its digest; what is wrong."""
    package = sample.place.package
    kind = "manifests" if sample.place.is_artifact else "blobs"
    address = f"/v2/{print_name(View(package.namespace), package)}/{kind}/{sample.digest}"
    actual = hashlib.new(sample.digest.algorithm)
    # Of any type: a manifest is served as what it was pushed as.
    async with client.stream("GET", address, headers={"accept": "*/*", "accept-encoding": "identity"}) as answer:
        if answer.status_code in _HIDDEN:
            return None
        if answer.status_code != httpx.codes.OK:
            return f"{address} answers {answer.status_code}"
        async for piece in answer.aiter_raw():
            actual.update(piece)
    return None if actual.hexdigest() == sample.digest.hex else f"{address} is not what it was"


async def _prove(client: httpx.AsyncClient, sample: _Sample) -> str | None:
    """Have the log prove that a blob came when the journal says; what is wrong."""
    answer = await client.get("/api/v1/log/inclusion", params={"position": sample.place.since})
    state = await client.get("/api/v1/log")
    if httpx.codes.OK not in {answer.status_code} & {state.status_code}:
        return f"no proof: {answer.status_code} {answer.text[:200]}"
    try:
        found, log = msgspec.json.decode(answer.content), msgspec.json.decode(state.content)
        proof = LogProof.parse(found["proof"].encode())
        proof.check(proof.extra or b"", log["origin"], [NoteKey.parse(key) for key in log["keys"]])
    except (InvalidProof, msgspec.MsgspecError, LookupError) as error:
        return f"no proof: {error}"
    if proof.index != sample.place.since - 1:
        return f"entry {proof.index + 1} was proved"
    return None
