"""Keys in a hardware module (SoftHSM, behind PKCS #11) sign statements and the log, and outsiders believe them.

The module is opened by the library that any module is opened by; the keys are made in it and cannot leave it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pkcs11
import pytest

from entrepot import followers
from entrepot.drivers.key_store import StoredKey
from entrepot.drivers.signing_key import open_signing_key
from entrepot.followers.transparency import TRANSPARENCY
from entrepot.model.errors import Unavailable
from entrepot.model.names import ReferenceName, parse_channel
from entrepot.operations.check import check
from entrepot.operations.promote import promote
from entrepot.testing.builders import LOG_KEYS, image, open_world, package
from entrepot.testing.builders import caller as some_caller
from entrepot.trust.keys import PublicKey
from entrepot.trust.log.checkpoints import Checkpoint
from entrepot.trust.log.identity import identify
from entrepot.trust.log.notes import NoteKey
from entrepot.trust.signing import LocalKey
from tests.clients.content import Layout, small_image
from tests.clients.outside import Cosign, NpmLibrary, Question
from tests.clients.programs import Shell, program
from tests.clients.server import serve
from tests.clients.wire import Wire

pytestmark = pytest.mark.clients

LIBRARY = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "4711"
ORIGIN = "registry.example.com/log"
SUMMARY = "https://slsa.dev/verification_summary/v1"
PAT = some_caller("promoter", name="pat")


@dataclass(frozen=True, slots=True)
class Module:
    """A token with two keys."""

    folder: Path
    variables: dict[str, str]

    @property
    def pin(self) -> Path:
        return self.folder / "pin"

    def public(self, number: int) -> Path:
        return self.folder / f"{number}.pem"

    def key(self, number: int, pin: Path | None = None) -> StoredKey:
        """One of its keys, as an installation opens it."""
        address = f"hsm:{number}?label=entrepot"
        found = open_signing_key(
            address, default=self.folder / "no", public_key=self.public(number), pin=pin or self.pin
        )
        assert isinstance(found, StoredKey)
        return found

    def take_away(self) -> None:
        (self.folder / "tokens").rename(self.folder / "away")

    def bring_back(self) -> None:
        (self.folder / "away").rename(self.folder / "tokens")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Module:
    folder = tmp_path_factory.mktemp("hsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    variables = {"SOFTHSM2_CONF": str(folder / "softhsm2.conf"), "PYKCS11LIB": str(LIBRARY)}
    shell = Shell(folder)
    new = ("--init-token", "--free", "--label", "entrepot", "--pin", PIN, "--so-pin", "0815")
    shell.run(program("softhsm2-util"), *new, environment=variables)
    tool = (program("pkcs11-tool"), "--module", str(LIBRARY), "--token-label", "entrepot")
    for number in (1, 2):
        id = f"{number:02}"
        pair = ("--login", "--pin", PIN, "--keypairgen", "--key-type", "EC:prime256v1", "--id", id)
        shell.run(*tool, *pair, environment=variables)
        shell.run(
            *(*tool, "--read-object", "--type", "pubkey", "--id", id, "-o", f"{number}.der"), environment=variables
        )
        key = PublicKey.parse((folder / f"{number}.der").read_bytes())
        (folder / f"{number}.pem").write_text(key.pem)
    (folder / "pin").write_text(f"{PIN}\n")
    return Module(folder, variables)


@pytest.fixture
def module(made: Module, monkeypatch: pytest.MonkeyPatch) -> Iterator[Module]:
    """The token, to be opened by this process."""
    for name, value in made.variables.items():
        monkeypatch.setenv(name, value)
    yield made
    if (made.folder / "away").exists():
        made.bring_back()
    pkcs11.unload(str(LIBRARY))


def test_a_key_in_hardware_signs_as_one_in_a_file(module: Module) -> None:
    key = module.key(1)

    signature = key.sign(b"message")

    assert key.public_key.verify(signature, b"message")
    assert not module.key(2).public_key.verify(signature, b"message")


def test_keys_of_one_token_sign_side_by_side(module: Module) -> None:
    keys = [module.key(1), module.key(2)]

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: keys[number % 2].sign(b"%d" % number), range(40)))

    assert all(keys[number % 2].public_key.verify(signature, b"%d" % number) for number, signature in enumerate(made))


def test_a_module_that_signs_with_another_key_signs_nothing(module: Module) -> None:
    other = StoredKey.open("hsm:1?label=entrepot", module.key(2).public_key, lambda: PIN)

    with pytest.raises(Unavailable, match="another key"):
        other.sign(b"message")


def test_a_pin_that_was_refused_is_not_tried_again(module: Module, tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_text("wrong")
    key = module.key(1, pin)

    for _ in range(5):
        with pytest.raises(Unavailable):
            key.sign(b"message")
    pin.write_text(PIN)

    assert key.public_key.verify(key.sign(b"message"), b"message")


async def test_while_the_module_is_away_publishing_goes_on_and_what_is_signed_catches_up(
    module: Module, tmp_path: Path
) -> None:
    api, v1 = package("acme/api"), ReferenceName("1.0")
    log = identify(ORIGIN, LOG_KEYS, ecdsa=module.key(2))
    async with open_world(tmp_path, signing=module.key(1), log=log) as world:
        await world.namespace("acme")
        await world.settle()
        before = await world.catalog.log.head()
        assert before is not None

        module.take_away()
        await world.push("acme/api", image(b"layer"), "1.0")
        with pytest.raises(Unavailable):
            await world.settle()
        await followers.catch_up(world.registry, [each for each in followers.ALL if each is not TRANSPARENCY])
        with pytest.raises(Unavailable):
            await promote(world.registry, PAT, api, v1, parse_channel("dev"))
        assert await world.catalog.log.head() == before
        module.bring_back()
        await world.settle()
        decided = await promote(world.registry, PAT, api, v1, parse_channel("dev"))
        await world.settle()
        head = await world.catalog.log.head()
        end, _ = await world.catalog.head()
        wrong = await check(world.registry)

    assert decided.statement is not None
    assert head is not None
    assert (head.size, wrong) == (end, [])
    checkpoint, signatures = Checkpoint.open(head.note, ORIGIN, log.keys)
    assert (checkpoint.size, len(signatures)) == (end, 2)


def test_outsiders_believe_what_a_server_signs_with_keys_in_hardware(
    made: Module, tmp_path: Path, shell: Shell, layout: Layout
) -> None:
    settings = {
        **made.variables,
        "ENTREPOT_SIGNING_KEY": "hsm:1?label=entrepot",
        "ENTREPOT_SIGNING_PUBLIC_KEY": str(made.public(1)),
        "ENTREPOT_LOG_KEY": "hsm:2?label=entrepot",
        "ENTREPOT_LOG_PUBLIC_KEY": str(made.public(2)),
        "ENTREPOT_SIGNING_PIN": str(made.pin),
    }
    known = PublicKey.parse(made.public(1).read_bytes())
    with serve(tmp_path / "server", "acme", settings=settings, followers=True) as registry, Wire(registry) as wire:
        assert registry.administrator is not None
        secret = registry.administrator.password
        pushed = small_image(layout, "app")
        wire.put(layout, pushed, "acme/app", "1.0")
        content = layout.read(pushed["digest"])
        with httpx.Client(base_url=registry.url, auth=("any", secret), timeout=60) as client:
            path = "/api/v1/packages/acme/oci/app/-/promotions/dev/1.0"
            client.post(path).raise_for_status()
            journal = client.get("/api/v1/journal?limit=1000").raise_for_status().json()
            _logged(client, journal["items"][-1]["position"])
            state, log = _verified(tmp_path, client, secret)
        (summary,) = wire.referrers("acme/app", pushed["digest"])
        (layer,) = json.loads(wire.manifest("acme/app", summary["digest"]))["layers"]
        bundle = wire.http.get(f"/v2/acme/app/blobs/{layer['digest']}").raise_for_status().content

    question, stranger = Question(bundle, content, known), Question(bundle, content, LocalKey.generate().public_key)
    for outsider in (Cosign(shell, SUMMARY), NpmLibrary(shell)):
        assert outsider.refusal(question) is None
        assert outsider.refusal(stranger) is not None
    assert state["origin"] == f"{registry.host}/log"
    assert NoteKey.parse(state["keys"][1]).encoded == PublicKey.parse(made.public(2).read_bytes()).der
    assert log == f"{state['size']} {state['root']}\n"


def _verified(folder: Path, client: httpx.Client, secret: str) -> tuple[Any, str]:
    """The log as the registry tells of it, and what an outsider finds who reads it whole meanwhile.

    Followers go on writing for a while: what they write during the reading makes it begin again.
    """
    deadline = monotonic() + 120
    state = client.get("/api/v1/log").raise_for_status().json()
    while monotonic() < deadline:
        found = Shell(folder)._run(
            (program("logverifier"), "log", f"{client.base_url}/log/", state["origin"], *state["keys"]),
            None,
            {"LOG_AUTHORIZATION": f"Bearer {secret}"},
        )
        before, state = state, client.get("/api/v1/log").raise_for_status().json()
        if before == state:
            return state, found.output
    raise AssertionError("the log never stood still while it was read")


def _logged(client: httpx.Client, end: int) -> Any:
    """The log, once it has all of the journal up to there."""
    deadline = monotonic() + 120
    while monotonic() < deadline:
        answer = client.get("/api/v1/log")
        if answer.status_code == 200 and answer.json()["size"] >= end:
            return answer.json()
        sleep(0.05)
    raise AssertionError(f"the log has not come to {end} entries: {answer.text}")
