"""What is signed here is believed by verifiers that nobody here wrote; what is tampered with, by nobody at all.

Each kind of evidence is made once, by us or by its own tool, and held against us and against the outside. Then it is
spoilt in every way that we could think of: none may be believed any more, by anybody.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pysequoia
import pytest
from sigstore.models import Bundle, InvalidBundle

from entrepot.model.artifact import EMPTY, IMAGE_MANIFEST
from entrepot.model.digest import Digest
from entrepot.testing.sigstore import Person, Sigstore, as_pep740
from entrepot.trust.bundle import MEDIA_TYPE
from entrepot.trust.evidence import Evidence, EvidenceKind, Subject, Verdict
from entrepot.trust.model_signing import PREDICATE
from entrepot.trust.openpgp import OpenPgpCertificate
from entrepot.trust.roots import TrustedRoot
from entrepot.trust.signers import IdentityPattern, IdentitySigner, KeySigner, OpenPgpSigner, Signer
from entrepot.trust.signing import LocalKey, Named, make_statement, sign_file, sign_statement
from entrepot.trust.verify import verify
from tests.clients.content import Descriptor, Layout
from tests.clients.outside import (
    Cosign,
    Gpg,
    Helm,
    ModelSigning,
    NpmLibrary,
    Outsider,
    PythonLibrary,
    PythonStatements,
    Question,
    as_json,
)
from tests.clients.programs import Shell, program
from tests.clients.server import Registry
from tests.clients.test_cosign import log_in, pushed
from tests.clients.wire import Wire

pytestmark = pytest.mark.clients

FILE = b"a wheel"
WHEEL = "acme_app-1.0-py3-none-any.whl"
TESTED = "https://example.com/tested/v1"
PUBLISHED = "https://docs.pypi.org/attestations/publish/v1"
KEY, STRANGER = LocalKey.generate(), LocalKey.generate()
SIGSTORE = Sigstore()
OTHER_SIGSTORE = Sigstore()
ROBOT = Person("https://git.example.com/acme/app/.ci/release.yml@refs/tags/v1", "https://issuer.example.com")
EVIL = Person("https://git.example.com/evil/app/.ci/release.yml@refs/tags/v1", "https://issuer.example.com")
MODEL = {"config.json": b"config", "weights/1.bin": b"weights"}
CHART = "app-1.0.0.tgz"


def statement(predicate_type: str = TESTED, content: bytes = FILE, name: str = WHEEL) -> bytes:
    return make_statement([Named(name, (Digest.of(content),))], predicate_type, {"passed": True})


def model_statement(files: Mapping[str, bytes] = MODEL) -> bytes:
    digests = {path: Digest.of(content) for path, content in sorted(files.items())}
    whole = Digest.of(b"".join(bytes.fromhex(digest.hex) for digest in digests.values()))
    predicate = {
        "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False},
        "resources": [{"name": path, "algorithm": "sha256", "digest": each.hex} for path, each in digests.items()],
    }
    return make_statement([Named("model", (whole,))], PREDICATE, predicate)


def list_of_files(content: bytes = FILE) -> bytes:
    return f"apiVersion: v2\nname: app\nversion: 1.0.0\n\n...\nfiles:\n  {CHART}: {Digest.of(content)}\n".encode()


PGP, OTHER_PGP = (pysequoia.Tsk.generate(f"{name} <{name}@example.com>") for name in ("robot", "stranger"))


def pgp(content: bytes, mode: pysequoia.SignatureMode, of: pysequoia.Tsk = PGP) -> bytes:
    return pysequoia.sign(of.signer(), content, mode=mode)


def model_bundle(key: LocalKey = KEY, content: bytes | None = None) -> bytes:
    """As `sign_statement` makes it, with the hint that this tool insists on."""
    bundle = json.loads(sign_statement(key, content or model_statement()))
    bundle["verificationMaterial"]["publicKey"]["hint"] = Digest.of(KEY.public_key.pem.encode()).hex
    return as_json(bundle)


# Each kind of evidence, as good as it can be.
GOOD: dict[str, Callable[[], bytes]] = {
    "key statement": lambda: sign_statement(KEY, statement()),
    "key file": lambda: sign_file(KEY, FILE),
    "certificate statement": lambda: as_json(SIGSTORE.sign_statement(statement(), ROBOT)),
    "certificate file": lambda: as_json(SIGSTORE.sign_file(FILE, ROBOT)),
    "wheel": lambda: as_json(as_pep740(SIGSTORE.sign_statement(statement(PUBLISHED), ROBOT))),
    "model": model_bundle,
    "detached": lambda: pgp(FILE, pysequoia.SignatureMode.DETACHED),
    "list": lambda: pgp(list_of_files(), pysequoia.SignatureMode.CLEAR),
}
KINDS = {
    "key statement": EvidenceKind.SIGSTORE_BUNDLE,
    "key file": EvidenceKind.SIGSTORE_BUNDLE,
    "certificate statement": EvidenceKind.SIGSTORE_BUNDLE,
    "certificate file": EvidenceKind.SIGSTORE_BUNDLE,
    "wheel": EvidenceKind.PEP740,
    "model": EvidenceKind.MODEL_SIGNING,
    "detached": EvidenceKind.OPENPGP_DETACHED,
    "list": EvidenceKind.OPENPGP_CLEARSIGNED,
}


def ours(kind: str, document: bytes, content: bytes = FILE) -> Verdict:
    """What we say of a document about a file."""
    signers: list[Signer] = [
        KeySigner("key", KEY.public_key),
        IdentitySigner(
            "robot",
            TrustedRoot.parse("ours", SIGSTORE.trusted_root),
            IdentityPattern(ROBOT.issuer),
            IdentityPattern(ROBOT.subject),
        ),
        OpenPgpSigner("pgp", OpenPgpCertificate.parse(str(PGP.extract_certificate()).encode())),
    ]
    name = {"wheel": WHEEL, "list": CHART}.get(kind)
    files = {path: Digest.of(each) for path, each in MODEL.items()} if kind == "model" else {}
    subject = Subject(Digest.of(content), name, files=files)
    payload = content if kind == "detached" else None
    return verify(Evidence(KINDS[kind], document, payload), subject, signers, now=datetime.now(UTC))


@pytest.fixture
def gpg(shell: Shell) -> Gpg:
    found = Gpg(shell)
    shell.run(program("gpg"), "--batch", "--import", given=str(PGP.extract_certificate()))
    return found


def outsiders(kind: str, shell: Shell, request: pytest.FixtureRequest) -> dict[str, Outsider]:
    """Who else can judge that kind of evidence."""
    if kind.startswith("key"):
        found: dict[str, Outsider] = {"npm": NpmLibrary(shell), "cosign": Cosign(shell, TESTED)}
        return found | ({"python": PythonStatements()} if kind == "key statement" else {})
    if kind.startswith("certificate"):
        return {"npm": NpmLibrary(shell), "cosign": Cosign(shell, TESTED), "python": PythonLibrary()}
    if kind == "wheel":
        return {"python": PythonLibrary()}
    if kind == "model":
        return {"model_signing": ModelSigning(shell, MODEL)}
    judge: Gpg = request.getfixturevalue("gpg")
    if kind == "detached":
        return {"gpg": judge}
    return {"gpg": judge, "helm": Helm(shell, bytes(PGP.extract_certificate()), CHART)}


def question(kind: str, document: bytes, content: bytes = FILE) -> Question:
    if kind.startswith("certificate") or kind == "wheel":
        return Question(document, content, root=SIGSTORE.trusted_root, who=ROBOT)
    return Question(document, content, KEY.public_key)


@pytest.mark.parametrize("kind", GOOD)
def test_what_is_signed_here_is_believed_by_us_and_by_others(
    kind: str, shell: Shell, request: pytest.FixtureRequest
) -> None:
    document = GOOD[kind]()

    verdict = ours(kind, document)

    assert verdict.reason is None
    for name, outsider in outsiders(kind, shell, request).items():
        assert outsider.refusal(question(kind, document)) is None, name


def test_the_python_library_takes_no_bundle_with_a_key() -> None:
    with pytest.raises(InvalidBundle, match="expected certificate in bundle"):
        Bundle.from_json(GOOD["key statement"]())


@pytest.mark.parametrize("content", [FILE, b"another image's signature"], ids=["about the image", "about another"])
def test_cosign_believes_a_signature_of_ours_beside_an_image(
    content: bytes, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image, reference = pushed(registry, package, layout, wire)
    digest = Digest.parse(image["digest"]) if content == FILE else Digest.of(content)
    signed = make_statement([Named(package, (digest,))], "https://sigstore.dev/cosign/sign/v1", {})
    attach(wire, package, image, sign_statement(KEY, signed))
    (shell.home / "key.pub").write_text(KEY.public_key.pem)
    (shell.home / "other.pub").write_text(STRANGER.public_key.pem)
    log_in(program("cosign"), shell, registry, registry.publisher)
    command = (program("cosign"), "verify", "--insecure-ignore-tlog", "--allow-http-registry", "--key")

    ours = shell.attempt(*command, "key.pub", reference)
    other = shell.attempt(*command, "other.pub", reference)

    assert (ours.code == 0) == (content == FILE), ours.said
    assert other.code > 0


def attach(wire: Wire, package: str, image: Descriptor, bundle: bytes) -> None:
    """Put a bundle beside an image, as cosign 3 does."""
    blobs = []
    for content in (b"{}", bundle):
        digest = str(Digest.of(content))
        wire.http.post(f"/v2/{package}/blobs/uploads/", params={"digest": digest}, content=content).raise_for_status()
        blobs.append({"digest": digest, "size": len(content)})
    manifest = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": MEDIA_TYPE,
        "config": {"mediaType": EMPTY, **blobs[0]},
        "layers": [{"mediaType": MEDIA_TYPE, **blobs[1]}],
        "subject": {name: image[name] for name in ("mediaType", "digest", "size")},
        "annotations": {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1",
        },
    }
    body = as_json(manifest)
    address = f"/v2/{package}/manifests/{Digest.of(body)}"
    wire.http.put(address, content=body, headers={"Content-Type": IMAGE_MANIFEST}).raise_for_status()


# --- what is tampered with ---


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to spoil evidence."""

    kind: str
    name: str
    spoil: Callable[[bytes], bytes]
    content: bytes = FILE
    """The file that everybody is asked about."""
    blind: frozenset[str] = field(default=frozenset())
    """Who cannot be asked: it does not look at what was spoilt."""

    def __str__(self) -> str:
        return f"{self.kind}, {self.name}".replace(" ", "-")


def parsed(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """Spoil a JSON document."""

    def spoil(content: bytes) -> bytes:
        document = json.loads(content)
        change(document)
        return as_json(document)

    return spoil


def put(value: object, *path: str | int) -> Callable[[bytes], bytes]:
    """Put another value into a JSON document; a function is given the old one."""

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value(place[path[-1]]) if callable(value) else value

    return parsed(change)


def flip(text: str) -> str:
    """Base64 with its last byte altered."""
    content = bytearray(base64.b64decode(text))
    content[-1] ^= 1
    return base64.b64encode(content).decode()


def altered(old: bytes, new: bytes) -> Callable[[str], str]:
    """Base64 with something in it replaced."""

    def change(text: str) -> str:
        content = base64.b64decode(text)
        assert old in content
        return base64.b64encode(content.replace(old, new)).decode()

    return change


ENVELOPE, MATERIAL = "dsseEnvelope", "verificationMaterial"
SIGNATURE = (ENVELOPE, "signatures", 0, "sig")
ENTRY = (MATERIAL, "tlogEntries", 0)
OTHER_FILE = b"another"


def entry_of(sigstore: Sigstore, kind: str) -> dict[str, Any]:
    """A good entry of a log, about another signature by the same robot."""
    made = sigstore.sign_statement(statement(), ROBOT) if "statement" in kind else sigstore.sign_file(FILE, ROBOT)
    return dict(made[MATERIAL]["tlogEntries"][0])


def signed_by(kind: str, who: Any, sigstore: Sigstore = SIGSTORE) -> Callable[[bytes], bytes]:
    """Another bundle altogether: well made, and by somebody else."""

    def spoil(_: bytes) -> bytes:
        by = who() if callable(who) else who
        made = sigstore.sign_statement(statement(), by) if "statement" in kind else sigstore.sign_file(FILE, by)
        return as_json(made)

    return spoil


def certificate_variants(kind: str) -> list[Variant]:
    """The ways that are open with either kind of content."""
    later = a_day_later(SIGSTORE)
    return [
        Variant(
            kind,
            "another certificate of the same person",
            put(lambda _: base64.b64encode(SIGSTORE.issue(ROBOT).der).decode(), MATERIAL, "certificate", "rawBytes"),
        ),
        Variant(kind, "certificate with an altered byte", put(flip, MATERIAL, "certificate", "rawBytes")),
        Variant(kind, "certificate for another person", signed_by(kind, EVIL)),
        Variant(kind, "certificate of another authority", signed_by(kind, ROBOT, OTHER_SIGSTORE)),
        Variant(
            kind, "certificate that had ended", signed_by(kind, lambda: SIGSTORE.issue(ROBOT, lifetime=timedelta(0)))
        ),
        Variant(kind, "certificate that was not valid yet", signed_by(kind, lambda: later.issue(ROBOT))),
        Variant(kind, "certificate that is in no log", signed_by(kind, lambda: SIGSTORE.issue(ROBOT, logged=False))),
        Variant(
            kind,
            "certificate for servers",
            signed_by(kind, lambda: SIGSTORE.issue(ROBOT, code_signing=False)),
            # It checks the chain and the usage of keys, and not what for.
            blind=frozenset({"npm"}),
        ),
        Variant(kind, "no log entry", put([], MATERIAL, "tlogEntries")),
        Variant(kind, "log entry about another signature", put(lambda _: entry_of(SIGSTORE, kind), *ENTRY)),
        Variant(kind, "log entry of another log", put(lambda _: entry_of(OTHER_SIGSTORE, kind), *ENTRY)),
        Variant(kind, "log entry with another time", put("1769860802", *ENTRY, "integratedTime")),
        Variant(
            kind, "log entry with an altered promise", put(flip, *ENTRY, "inclusionPromise", "signedEntryTimestamp")
        ),
        Variant(
            kind,
            "log entry with another root",
            put(flip, *ENTRY, "inclusionProof", "rootHash"),
            # It takes the root from the checkpoint alone, which is as good.
            blind=frozenset({"npm"}),
        ),
        Variant(
            kind,
            "log entry with a shorter proof",
            parsed(lambda bundle: bundle[MATERIAL]["tlogEntries"][0]["inclusionProof"]["hashes"].pop()),
        ),
        Variant(kind, "log entry with an altered body", put(altered(b"0.0.1", b"0.0.3"), *ENTRY, "canonicalizedBody")),
        Variant(
            kind,
            "log entry with an altered checkpoint",
            put(
                lambda note: note.replace("log.example.com - 1", "log.example.com - 2", 1),
                *ENTRY,
                "inclusionProof",
                "checkpoint",
                "envelope",
            ),
        ),
        Variant(kind, "bundle of an unknown version", put("application/vnd.dev.sigstore.bundle.v9+json", "mediaType")),
        Variant(kind, "bundle cut short", lambda content: content[:-20]),
    ]


def a_day_later(sigstore: Sigstore) -> Sigstore:
    """The same instance, whose clock is ahead."""
    later = Sigstore(
        sigstore.now, sigstore.root_key, sigstore.issuing_key, sigstore.certificate_log_key, sigstore.log_key
    )
    later.root, later.issuing = sigstore.root, sigstore.issuing
    later.now += timedelta(days=1)
    return later


VARIANTS = [
    # Statements with a key.
    Variant("key statement", "altered signature", put(flip, *SIGNATURE)),
    Variant("key statement", "empty signature", put("", *SIGNATURE)),
    Variant("key statement", "no signature", put([], ENVELOPE, "signatures")),
    Variant("key statement", "another key", lambda _: sign_statement(STRANGER, statement())),
    Variant(
        "key statement",
        "another key behind our hint",
        lambda _: put(KEY.public_key.cosign_hint, MATERIAL, "publicKey", "hint")(sign_statement(STRANGER, statement())),
    ),
    Variant("key statement", "altered predicate", put(altered(b"true", b"fals"), ENVELOPE, "payload")),
    Variant("key statement", "appended space", put(altered(b"}]}", b"}]} "), ENVELOPE, "payload")),
    Variant(
        "key statement",
        "another subject",
        put(altered(Digest.of(FILE).hex.encode(), Digest.of(OTHER_FILE).hex.encode()), ENVELOPE, "payload"),
        OTHER_FILE,
    ),
    Variant("key statement", "another payload type", put("application/json", ENVELOPE, "payloadType")),
    # The library checks envelopes and leaves their subjects to who calls it.
    Variant("key statement", "another file", bytes, OTHER_FILE, frozenset({"npm"})),
    Variant(
        "key statement",
        "both contents",
        parsed(lambda bundle: bundle.update(messageSignature={"signature": "AAAA"})),
        blind=frozenset({"cosign", "npm", "python"}),
    ),
    # Python's reader is given the envelope and the key, and so sees nothing of the rest.
    Variant("key statement", "no key and no certificate", put({}, MATERIAL), blind=frozenset({"python"})),
    Variant("key statement", "cut short", lambda content: content[:-20]),
    # Files with a key.
    Variant("key file", "altered signature", put(flip, "messageSignature", "signature")),
    Variant("key file", "another file", bytes, OTHER_FILE),
    Variant("key file", "another key", lambda _: sign_file(STRANGER, FILE)),
    Variant(
        "key file",
        "another key behind our hint",
        lambda _: put(KEY.public_key.cosign_hint, MATERIAL, "publicKey", "hint")(sign_file(STRANGER, FILE)),
    ),
    Variant(
        "key file",
        "another digest written down",
        put(
            base64.b64encode(bytes.fromhex(Digest.of(OTHER_FILE).hex)).decode(),
            "messageSignature",
            "messageDigest",
            "digest",
        ),
        OTHER_FILE,
    ),
    Variant("key file", "no content", parsed(lambda bundle: bundle.pop("messageSignature"))),
    # Certificates.
    *certificate_variants("certificate statement"),
    *certificate_variants("certificate file"),
    Variant("certificate statement", "altered predicate", put(altered(b"true", b"fals"), ENVELOPE, "payload")),
    Variant("certificate statement", "altered signature", put(flip, *SIGNATURE)),
    Variant("certificate file", "altered signature", put(flip, "messageSignature", "signature")),
    Variant("certificate file", "another file", bytes, OTHER_FILE),
    # Attestations of distributions.
    Variant("wheel", "altered statement", put(altered(b"true", b"fals"), "envelope", "statement")),
    Variant("wheel", "altered signature", put(flip, "envelope", "signature")),
    Variant("wheel", "another version", put(2, "version")),
    Variant("wheel", "no log entry", put([], "verification_material", "transparency_entries")),
    Variant("wheel", "certificate with an altered byte", put(flip, "verification_material", "certificate")),
    Variant(
        "wheel", "another person", lambda _: as_json(as_pep740(SIGSTORE.sign_statement(statement(PUBLISHED), EVIL)))
    ),
    # The library leaves the subject to who calls it.
    Variant("wheel", "another file", bytes, OTHER_FILE, frozenset({"python"})),
    # Models.
    Variant("model", "altered list", put(altered(b"config.json", b"c0nfig.json"), ENVELOPE, "payload")),
    Variant("model", "altered signature", put(flip, *SIGNATURE)),
    Variant("model", "another key", lambda _: model_bundle(STRANGER)),
    Variant("model", "another file", lambda _: model_bundle(content=model_statement({**MODEL, "config.json": b"x"}))),
    Variant("model", "missing file", lambda _: model_bundle(content=model_statement({**MODEL, "more": b"x"}))),
    Variant("model", "unsigned file", lambda _: model_bundle(content=model_statement({"config.json": b"config"}))),
    Variant(
        "model",
        "another subject",
        lambda _: model_bundle(
            content=model_statement().replace(
                b'"subject":[{"digest":{"sha256":"', b'"subject":[{"digest":{"sha256":"00'
            )
        ),
    ),
    # OpenPGP.
    Variant("detached", "another file", bytes, OTHER_FILE),
    Variant("detached", "another key", lambda _: pgp(FILE, pysequoia.SignatureMode.DETACHED, OTHER_PGP)),
    Variant("detached", "cut short", lambda content: content[: len(content) // 2]),
    Variant("detached", "nothing", lambda _: b""),
    Variant("list", "altered digest", lambda content: content.replace(b"sha256:", b"sha256:0")),
    Variant("list", "altered name", lambda content: content.replace(b"name: app", b"name: evi")),
    Variant("list", "another key", lambda _: pgp(list_of_files(), pysequoia.SignatureMode.CLEAR, OTHER_PGP)),
    # gpg is not asked about the chart.
    Variant("list", "another chart", bytes, OTHER_FILE, frozenset({"gpg"})),
    Variant("list", "not signed at all", lambda _: list_of_files()),
]


def test_there_are_enough_ways_to_spoil_a_signature() -> None:
    assert len({str(variant) for variant in VARIANTS}) == len(VARIANTS) >= 40


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_what_is_tampered_with_is_believed_by_nobody(
    variant: Variant, shell: Shell, request: pytest.FixtureRequest
) -> None:
    document = variant.spoil(GOOD[variant.kind]())

    verdict = ours(variant.kind, document, variant.content)

    assert not verdict.verified
    assert verdict.reason
    for name, outsider in outsiders(variant.kind, shell, request).items():
        if name not in variant.blind:
            assert outsider.refusal(question(variant.kind, document, variant.content)) is not None, name
