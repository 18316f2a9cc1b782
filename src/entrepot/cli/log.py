"""``entrepot log``: hold the registry to what it has signed before.

What was verified last is kept beside the logins: the keys, and the checkpoint that everything later must go on from.
"""

from __future__ import annotations

import json
import tempfile
from base64 import b64decode
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import httpx

from entrepot.cli import Failure
from entrepot.cli.output import Columns, Output, output_option, show_done, show_one
from entrepot.client import Client, ClientError
from entrepot.client.credentials import LoginStore
from entrepot.model.errors import InvalidProof
from entrepot.trust.log.checkpoints import Checkpoint
from entrepot.trust.log.merkle import check_consistency
from entrepot.trust.log.notes import Note, NoteKey, parse_signatures
from entrepot.trust.log.proofs import MAX_PROOF, LogProof
from entrepot.trust.log.witness import AddCheckpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from entrepot.client.answers import Entry

_PINS: Final = "logs.json"
_RECOVERED: Final = "dev.entrepot.registry.recovered.v1"
_CONFLICT: Final = 409
_OK: Final = 200
_key_option = click.option(
    "--key", "keys", multiple=True, help="A verifier key of the log (<name>+<id>+<base64>); without it, those kept."
)


@dataclass(frozen=True, slots=True)
class Pin:
    """What was verified of a log last."""

    origin: str
    keys: tuple[str, ...]
    size: int
    root: str
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Proved:
    """An entry that is in a log."""

    origin: str
    size: int
    position: int
    entry: Mapping[str, object]


_ENTRY: Final[Columns[Proved]] = {
    "position": lambda it: it.position,
    "entry": lambda it: json.dumps(it.entry, ensure_ascii=False),
}


class PinStore:
    """What was verified of each log last, by the log's origin; readable by its owner alone."""

    def __init__(self) -> None:
        self.path = LoginStore.of().path.with_name(_PINS)

    def find(self, origin: str) -> Pin | None:
        """What was verified of that log, if anything. Raises `Failure` when the file is damaged."""
        try:
            content = json.loads(self.path.read_bytes())
            found = content.get(origin)
            return None if found is None else Pin(**{**found, "keys": tuple(found["keys"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            # Never as if nothing had been seen: then anything would be believed.
            raise Failure(f"{self.path} cannot be read: {error}", "Restore it, or compare the keys again.") from error

    def keep(self, pin: Pin) -> None:
        """Hold the log to this from now on."""
        content = json.loads(self.path.read_bytes()) if self.path.exists() else {}
        content[pin.origin] = asdict(pin)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self.path.parent, delete=False) as file:
            json.dump(content, file, indent=2)
        Path(file.name).replace(self.path)


@click.group()
def log() -> None:
    """The journal's transparency log: verify it, and prove what is in it."""


@log.command()
@click.argument("proof", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_key_option
@click.option("--origin", help="The log's name, when several are kept or none is.")
@output_option
def verify(proof: Path | None, keys: tuple[str, ...], origin: str | None, output: Output) -> None:
    """Verify that the log goes on from what was seen last; or a PROOF file, without asking anybody.

    The first time, the keys that the registry shows are kept: compare them with what its operator says.
    """
    if proof is not None:
        _verify_file(proof, keys, origin, output)
        return
    with Client() as registry:
        pin, before = _verify_log(registry, [NoteKey.parse(key) for key in keys])
    PinStore().keep(pin)
    if before is None and not keys:
        click.echo("these keys are kept; compare them with what the registry's operator says:", err=True)
        for key in pin.keys:
            click.echo(f"  {key}", err=True)
    since = "" if before is None else f", and goes on from the {before.size} that were verified before"
    show_done(f"the log {pin.origin} has {pin.size} entries{since}", pin, output)


def _verify_log(registry: Client, given: Sequence[NoteKey]) -> tuple[Pin, Pin | None]:
    """What can be held against the log from now on, and what was before. Raises `Failure`."""
    state = registry.log.state()
    before = PinStore().find(state.origin)
    known = [NoteKey.parse(key) for key in before.keys] if before is not None else []
    keys = given or known or [NoteKey.parse(key) for key in state.keys]
    try:
        checkpoint, _ = Checkpoint.open(state.checkpoint.encode(), state.origin, keys)
        if before is not None:
            _check_growth(registry, before, checkpoint)
    except InvalidProof as error:
        if before is not None and (recovery := _find_recovery(registry, before.size)) is not None:
            raise Failure(
                f"the log {state.origin} was seen with {before.size} entries, and says that it was recovered from a "
                f"backup: entry {recovery.position}, of {recovery.at:%Y-%m-%d %H:%M:%SZ}, goes on from "
                f"position {recovery.data['position']}",
                "What was seen after that position is gone or stands elsewhere. Ask the registry's operator whether it "
                f"is so; if it is, remove {state.origin} from {PinStore().path} and verify again.",
            ) from error
        raise Failure(
            f"the log {state.origin} is not what it was: {error}",
            "Keep this, and ask the registry's operator: history may have been rewritten.",
        ) from error
    texts = tuple(str(key) for key in keys)
    root = state.checkpoint.split("\n")[2]
    return Pin(state.origin, texts, checkpoint.size, root, state.checkpoint), before


def _find_recovery(registry: Client, seen: int) -> Entry | None:
    """The journal's last entry that tells of a recovery to before what was seen, for who may read the journal."""
    found = None
    with suppress(ClientError):
        for entry in registry.journal():
            if entry.position > seen:
                break
            if entry.type == _RECOVERED:
                found = entry
    return found


def _check_growth(registry: Client, before: Pin, checkpoint: Checkpoint) -> None:
    path: tuple[bytes, ...] = ()
    if before.size < checkpoint.size:
        proof = registry.log.prove_consistency(before.size, checkpoint.size)
        path = tuple(_decode(value) for value in proof.path)
    old_root = Checkpoint.parse(Note.parse(before.checkpoint.encode()).unchecked_text).root
    check_consistency(before.size, old_root, checkpoint.size, new_root=checkpoint.root, path=path)


def _verify_file(path: Path, given: tuple[str, ...], origin: str | None, output: Output) -> None:
    if path.stat().st_size > MAX_PROOF:
        raise Failure(f"{path} is too large for a proof")
    proof = LogProof.parse(path.read_bytes())
    name = origin or (NoteKey.parse(given[0]).name if given else None)
    # What the file says its log is called only finds the keys; it is believed when one of them has signed.
    name = name or Checkpoint.parse(Note.parse(proof.checkpoint).unchecked_text).origin
    pin = PinStore().find(name)
    keys = [NoteKey.parse(key) for key in given or (() if pin is None else pin.keys)]
    if not keys:
        raise Failure(f"no key of {name} is known", "Give one with --key, or run `entrepot log verify` once.")
    if proof.extra is None:
        raise Failure(f"{path} does not carry the entry that it is for")
    checkpoint, _ = proof.check(proof.extra, name, keys)
    proved = Proved(name, checkpoint.size, proof.index + 1, json.loads(proof.extra))
    show_one(proved, {"log": lambda it: it.origin, "entries": lambda it: it.size, **_ENTRY}, output)


@log.command()
@click.argument("position", type=click.IntRange(1))
@click.option("--file", "-f", type=click.Path(dir_okay=False, path_type=Path), help="Where the proof goes.")
@output_option
def prove(position: int, file: Path | None, output: Output) -> None:
    """Write a proof that the journal's entry at POSITION is in the log.

    It is a file that anybody who has the log's key can verify without the registry.
    """
    with Client() as registry:
        pin, _ = _verify_log(registry, ())
        found = registry.log.prove_inclusion(position)
    proof = LogProof.parse(found.proof.encode())
    keys = [NoteKey.parse(key) for key in pin.keys]
    checkpoint, _ = proof.check(proof.extra or b"", pin.origin, keys)
    if proof.index != position - 1:
        raise Failure(f"the registry has proved entry {proof.index + 1}, not {position}")
    target = file or Path(f"{position}.tlog-proof")
    target.write_bytes(bytes(proof))
    document = {"file": str(target), "position": position, "size": checkpoint.size, "origin": pin.origin}
    show_done(f"{target} proves entry {position} of {pin.origin}", document, output)


@log.command()
@click.argument("url")
@click.option("--key", required=True, help="The witness's verifier key.")
@click.option("--file", "-f", type=click.Path(dir_okay=False, path_type=Path), help="Where the checkpoint goes.")
@output_option
def witness(url: str, key: str, file: Path | None, output: Output) -> None:
    """Have the log's last checkpoint signed by a witness, such as another Entrepot (URL: https://…/log).

    It signs only what goes on from what it has signed before, so nobody can be shown another history.
    """
    witness_key = NoteKey.parse(key)
    with Client() as registry:
        pin, _ = _verify_log(registry, ())
        old, answer = 0, _ask_witness(registry, url, pin, 0)
        if answer.status_code == _CONFLICT and answer.headers.get("content-type", "").startswith("text/x.tlog.size"):
            old = int(answer.text) if answer.text.strip().isdecimal() else 0
            answer = _ask_witness(registry, url, pin, old)
    if answer.status_code != _OK:
        raise Failure(f"the witness refuses: {answer.status_code} {answer.text[:300].strip()}")
    note = Note.parse(pin.checkpoint.encode())
    cosigned = Note(note.unchecked_text, (*note.signatures, *parse_signatures(answer.text)))
    keys = [*(NoteKey.parse(each) for each in pin.keys), witness_key]
    _, signatures = Checkpoint.open(cosigned, pin.origin, keys)
    if witness_key.name not in {signature.name for signature in signatures}:
        raise Failure(f"the witness's answer has no signature of {witness_key.name}")
    if file is not None:
        file.write_bytes(bytes(cosigned))
    document = {"origin": pin.origin, "size": pin.size, "witness": witness_key.name, "from": old}
    show_done(f"{witness_key.name} has signed {pin.origin} at {pin.size} entries", document, output)


def _ask_witness(registry: Client, url: str, pin: Pin, old: int) -> httpx.Response:
    if not 0 <= old <= pin.size:
        raise Failure(f"the witness has seen {old} entries, the log has {pin.size}: one of them is not what it was")
    path = tuple(_decode(value) for value in registry.log.prove_consistency(old, pin.size).path) if old else ()
    body = bytes(AddCheckpoint(old, path, pin.checkpoint.encode()))
    try:
        return httpx.post(f"{url.rstrip('/')}/add-checkpoint", content=body, timeout=30)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Failure(f"the witness {url} does not answer: {error}") from error


def _decode(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise InvalidProof(text[:100], expected="a hash in base64") from error
