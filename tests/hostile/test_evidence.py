"""Evidence made up and spoilt: never a crash, never a hang, and never believed but for what was really signed."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pysequoia
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.model.digest import Digest
from entrepot.model.errors import Invalid, InvalidEvidence, InvalidKey
from entrepot.testing.sigstore import NOON, Person, Sigstore, as_pep740
from entrepot.trust.certificate import identity_of, load_certificate, require_chain
from entrepot.trust.cosign import SIGNATURE
from entrepot.trust.evidence import Evidence, EvidenceKind, Subject, Verdict
from entrepot.trust.keys import PublicKey
from entrepot.trust.model_signing import PREDICATE
from entrepot.trust.openpgp import OpenPgpCertificate
from entrepot.trust.provenance import PROVENANCE_V0_2, PROVENANCE_V1, Provenance, repository_address
from entrepot.trust.question import Unproven
from entrepot.trust.roots import CertificateStore, TrustedRoot
from entrepot.trust.signers import IdentityPattern, IdentitySigner, KeySigner, OpenPgpSigner, Signer
from entrepot.trust.signing import LocalKey, Named, make_statement, sign_envelope, sign_file, sign_statement
from entrepot.trust.statement import PAYLOAD_TYPE, STATEMENT_V1, Statement
from entrepot.trust.verify import read, verify
from tests.hostile.cuts import CUTS, PLACES, Cut, spoil
from tests.hostile.effort import fuzz
from tests.unit.trust.test_cosign import layer
from tests.unit.trust.test_notation import ACME, Jws
from tests.unit.trust.test_openpgp import CHART, ROBOT, armoured, clear, detached, listing

LONG: Final = 5
"""Seconds of the processor that nothing here may take: many times what it takes, for machines that are busy."""

few: Final = settings(fuzz, max_examples=fuzz.max_examples // 3)
"""For what is tried with many kinds of evidence, each of which takes some milliseconds."""

FILE: Final = b"a wheel"
NAME: Final = "acme_app-1.0-py3-none-any.whl"
KEY: Final = LocalKey.generate()
SIGSTORE: Final = Sigstore()
WHO: Final = Person("https://git.example.com/acme/app@v1", "https://issuer.example.com", {"build_trigger": "push"})
ROOT: Final = TrustedRoot.parse("ours", SIGSTORE.trusted_root)
EVERYBODY: Final[list[Signer]] = [
    KeySigner("key", KEY.public_key),
    IdentitySigner("who", ROOT, IdentityPattern("**"), IdentityPattern("**")),
    OpenPgpSigner("pgp", OpenPgpCertificate.parse(armoured(ROBOT))),
    ACME,
]
STATEMENT: Final = make_statement(
    [Named(NAME, (Digest.of(FILE),))], "https://docs.pypi.org/attestations/publish/v1", {}
)
SHA512: Final = Digest.of(FILE, "sha512")


def model() -> bytes:
    digest = Digest.of(FILE)
    whole = Digest.of(bytes.fromhex(digest.hex))
    resources = [{"name": NAME, "algorithm": "sha256", "digest": digest.hex}]
    predicate = {"serialization": {"method": "files"}, "resources": resources}
    return make_statement([Named("model", (whole,))], PREDICATE, predicate)


@dataclass(frozen=True, slots=True)
class Good:
    """Evidence that is believed, and the question that it answers."""

    evidence: Evidence
    subject: Subject
    core: Callable[[Evidence, Verdict], object]
    """What of it is signed, as whoever believes it has read it: no other may be believed."""

    def ask(self, evidence: Evidence, now: datetime = NOON) -> Verdict:
        return verify(evidence, self.subject, EVERYBODY, now=now, roots=[ROOT])


def json_of(document: object) -> bytes:
    return json.dumps(document).encode()


def said(_: Evidence, verdict: Verdict) -> object:
    return verdict.statement and verdict.statement.content


def member(*path: str) -> Callable[[Evidence, Verdict], object]:
    """A part of a JSON document, base64 read as bytes."""

    def core(evidence: Evidence, _: Verdict) -> object:
        found = json.loads(evidence.content)
        for step in path:
            found = found[step]
        return base64.b64decode(found.replace("-", "+").replace("_", "/") + "==")

    return core


FILE_SUBJECT = Subject(Digest.of(FILE), None, (SHA512,))
WHEEL_SUBJECT = Subject(Digest.of(FILE), NAME)
COSIGN = layer(Digest.of(FILE))
NPM = "app@1.0.0"
NPM_SIGNED = f"{NPM}:sha512-{base64.b64encode(bytes.fromhex(SHA512.hex)).decode()}".encode()
NOTATION = Jws()
NOTATION.target["digest"] = str(Digest.of(FILE))


def bundle(content: bytes) -> Evidence:
    return Evidence(EvidenceKind.SIGSTORE_BUNDLE, content)


GOOD: Final = {
    "envelope": Good(
        Evidence(EvidenceKind.DSSE, json_of(sign_envelope(KEY, STATEMENT).to_document())), FILE_SUBJECT, said
    ),
    "envelope that is said to be a statement": Good(
        Evidence(EvidenceKind.STATEMENT, json_of(sign_envelope(KEY, STATEMENT).to_document())), FILE_SUBJECT, said
    ),
    "key bundle": Good(bundle(sign_statement(KEY, STATEMENT)), FILE_SUBJECT, said),
    "key bundle of a file": Good(bundle(sign_file(KEY, FILE)), FILE_SUBJECT, member("messageSignature", "signature")),
    "certificate bundle": Good(bundle(json_of(SIGSTORE.sign_statement(STATEMENT, WHO))), FILE_SUBJECT, said),
    "certificate bundle of a file": Good(
        bundle(json_of(SIGSTORE.sign_file(FILE, WHO))), FILE_SUBJECT, member("messageSignature", "signature")
    ),
    "attestation": Good(
        Evidence(EvidenceKind.PEP740, json_of(as_pep740(SIGSTORE.sign_statement(STATEMENT, WHO)))), WHEEL_SUBJECT, said
    ),
    "model": Good(
        Evidence(EvidenceKind.MODEL_SIGNING, sign_statement(KEY, model())),
        Subject(Digest.of(b"version"), files={NAME: Digest.of(FILE)}),
        said,
    ),
    "cosign": Good(
        Evidence(EvidenceKind.COSIGN_SIMPLE, COSIGN, None, {SIGNATURE: base64.b64encode(KEY.sign(COSIGN)).decode()}),
        FILE_SUBJECT,
        lambda evidence, _: evidence.content,
    ),
    "keyless cosign": Good(
        Evidence(EvidenceKind.COSIGN_SIMPLE, COSIGN, None, SIGSTORE.annotate(COSIGN, WHO)),
        FILE_SUBJECT,
        lambda evidence, _: evidence.content,
    ),
    "npm": Good(
        Evidence(EvidenceKind.NPM_SIGNATURE, base64.b64encode(KEY.sign(NPM_SIGNED))),
        Subject(Digest.of(FILE), NPM, (SHA512,)),
        lambda evidence, _: base64.b64decode(evidence.content),
    ),
    "notation": Good(NOTATION.evidence(), FILE_SUBJECT, member("payload")),
    "detached": Good(detached(), Subject(Digest.of(b"a jar")), lambda evidence, _: evidence.payload),
    "list": Good(clear(listing()), Subject(CHART, "app-1.0.0.tgz"), lambda _, verdict: verdict.accepted[0].signer),
}


def attempt(good: Good, evidence: Evidence) -> Verdict:
    """Ask, and read: soon, and without anything but an answer."""
    started = time.process_time()
    verdict = good.ask(evidence)
    with suppress(InvalidEvidence):
        read(evidence)
    assert time.process_time() - started < LONG
    if verdict.verified:
        assert verdict.reason is None
        assert good.core(evidence, verdict) == good.core(good.evidence, good.ask(good.evidence))
    else:
        assert verdict.reason
        assert verdict.statement is None
    return verdict


@pytest.mark.parametrize("kind", GOOD)
def test_what_is_not_spoilt_is_believed(kind: str) -> None:
    assert attempt(GOOD[kind], GOOD[kind].evidence).reason is None


# --- bytes ---


@pytest.mark.parametrize("kind", GOOD)
@given(cuts=CUTS)
@few
def test_spoilt_bytes_are_never_believed(kind: str, cuts: list[Cut]) -> None:
    good = GOOD[kind].evidence

    attempt(
        GOOD[kind],
        Evidence(good.kind, spoil(good.content, cuts), good.payload, good.annotations, good.media_type),
    )


@pytest.mark.parametrize("kind", ["cosign", "keyless cosign"])
@given(name=PLACES, cuts=CUTS)
@fuzz
def test_spoilt_annotations_are_never_believed(kind: str, name: float, cuts: list[Cut]) -> None:
    good = GOOD[kind].evidence
    names = sorted(good.annotations)
    chosen = names[int(name * len(names))]
    spoilt = spoil(good.annotations[chosen].encode(), cuts).decode(errors="replace")

    attempt(GOOD[kind], Evidence(good.kind, good.content, None, {**good.annotations, chosen: spoilt}))


@pytest.mark.parametrize("kind", EvidenceKind)
@given(content=st.binary(max_size=200), payload=st.none() | st.binary(max_size=20))
@few
def test_noise_is_never_believed(kind: EvidenceKind, content: bytes, payload: bytes | None) -> None:
    evidence = Evidence(kind, content, payload, {SIGNATURE: content.hex()})

    verdict = verify(evidence, Subject(Digest.of(content), NAME), EVERYBODY, now=NOON, roots=[ROOT])

    assert not verdict.verified
    with suppress(InvalidEvidence):
        read(evidence)


# --- documents ---

VALUES: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
) | st.sampled_from(["A" * 70_000, "0", "sha256:", "9" * 400, [[]] * 100, {"": {}}, -1, 2**63])


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    found = [path] if path else []
    steps = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for step, child in steps:
        found += places(child, (*path, step))
    return found


def replaced(content: bytes, place: float, value: object, *, gone: bool) -> bytes:
    """A JSON document with another value at one of its places, or without it."""
    document = json.loads(content)
    every = places(document)
    path = every[int(place * len(every))]
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    if gone:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return json_of(document)


DOCUMENTS: Final = [kind for kind in GOOD if kind not in ("npm", "detached", "list")]


@pytest.mark.parametrize("kind", DOCUMENTS)
@given(place=PLACES, value=VALUES, gone=st.booleans())
@few
def test_documents_with_other_values_are_never_believed(kind: str, place: float, value: object, gone: bool) -> None:
    good = GOOD[kind].evidence

    attempt(
        GOOD[kind],
        Evidence(good.kind, replaced(good.content, place, value, gone=gone), good.payload, good.annotations),
    )


ENCODED: Final = [
    ("certificate bundle", ("verificationMaterial", "certificate", "rawBytes")),
    ("certificate bundle", ("verificationMaterial", "tlogEntries", 0, "canonicalizedBody")),
    ("certificate bundle", ("dsseEnvelope", "payload")),
    ("certificate bundle", ("dsseEnvelope", "signatures", 0, "sig")),
    ("certificate bundle of a file", ("verificationMaterial", "certificate", "rawBytes")),
    ("attestation", ("verification_material", "certificate")),
    ("notation", ("header", "x5c", 0)),
    ("notation", ("header", "x5c", 1)),
]


@pytest.mark.parametrize(("kind", "path"), ENCODED, ids=str)
@given(cuts=CUTS)
@few
def test_spoilt_certificates_and_payloads_are_never_believed(kind: str, path: tuple[Any, ...], cuts: list[Cut]) -> None:
    good = GOOD[kind].evidence
    document = json.loads(good.content)
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = base64.b64encode(spoil(base64.b64decode(parent[path[-1]]), cuts)).decode()

    attempt(GOOD[kind], Evidence(good.kind, json_of(document)))


# --- what is signed, and not what it should be ---


@given(place=PLACES, value=VALUES, gone=st.booleans())
@fuzz
def test_a_statement_that_nobody_signed_is_never_believed(place: float, value: object, gone: bool) -> None:
    content = replaced(STATEMENT, place, value, gone=gone)

    for each in (STATEMENT, content):
        verdict = verify(Evidence(EvidenceKind.STATEMENT, each), FILE_SUBJECT, EVERYBODY, now=NOON, roots=[ROOT])
        assert not verdict.verified
        assert verdict.reason


@given(place=PLACES, value=VALUES, gone=st.booleans())
@fuzz
def test_a_signed_statement_of_any_shape_is_answered(place: float, value: object, gone: bool) -> None:
    payload = replaced(STATEMENT, place, value, gone=gone)
    evidence = Evidence(EvidenceKind.DSSE, json_of(sign_envelope(KEY, payload).to_document()))

    verdict = verify(evidence, FILE_SUBJECT, EVERYBODY, now=NOON)

    assert "cannot be checked" not in (verdict.reason or "")
    if verdict.verified:
        subjects = json.loads(payload)["subject"]
        assert any(subject["digest"].get("sha256") == Digest.of(FILE).hex for subject in subjects)


@given(place=PLACES, value=VALUES, gone=st.booleans())
@fuzz
def test_a_signed_list_of_a_model_s_files_of_any_shape_is_answered(place: float, value: object, gone: bool) -> None:
    payload = replaced(model(), place, value, gone=gone)
    evidence = Evidence(EvidenceKind.MODEL_SIGNING, sign_statement(KEY, payload))

    verdict = GOOD["model"].ask(evidence)

    assert "cannot be checked" not in (verdict.reason or "")
    if verdict.verified:
        assert json.loads(payload)["predicate"]["resources"] == json.loads(model())["predicate"]["resources"]


@given(cuts=CUTS)
@fuzz
def test_a_signed_list_of_files_of_any_shape_is_answered(cuts: list[Cut]) -> None:
    text = spoil(listing(), cuts)
    evidence = Evidence(
        EvidenceKind.OPENPGP_CLEARSIGNED, pysequoia.sign(ROBOT.signer(), text, mode=pysequoia.SignatureMode.CLEAR)
    )

    verdict = GOOD["list"].ask(evidence)

    if verdict.verified:
        assert f"app-1.0.0.tgz: {CHART}".encode() in text or b'app-1.0.0.tgz": ' in text


PROVENANCES: Final = {
    PROVENANCE_V1: {
        "buildDefinition": {
            "buildType": "https://example.com/workflow/v1",
            "externalParameters": {"workflow": {"repository": "https://git.example.com/acme/app", "ref": "v1"}},
            "resolvedDependencies": [
                {"uri": "git+https://git.example.com/acme/app@v1", "digest": {"gitCommit": "a" * 40}}
            ],
        },
        "runDetails": {
            "builder": {"id": "https://git.example.com/builder"},
            "metadata": {"invocationId": "1", "startedOn": "2026-01-31T12:00:00Z"},
        },
    },
    PROVENANCE_V0_2: {
        "builder": {"id": "b"},
        "buildType": "t",
        "invocation": {"configSource": {"uri": "git+https://git.example.com/acme/app", "digest": {"sha1": "a" * 40}}},
        "metadata": {"https://mobyproject.org/buildkit@v1#metadata": {"vcs": {"source": "s", "revision": "r"}}},
        "materials": [{"uri": "pkg:npm/app@1", "digest": {"sha512": "00"}}],
    },
}


@pytest.mark.parametrize("predicate_type", PROVENANCES)
@given(place=PLACES, value=VALUES, gone=st.booleans())
@fuzz
def test_provenance_of_any_shape_is_read_or_refused(
    predicate_type: str, place: float, value: object, gone: bool
) -> None:
    predicate = replaced(json_of(PROVENANCES[predicate_type]), place, value, gone=gone)
    document = {"_type": STATEMENT_V1, "subject": [{"digest": {"sha256": "00"}}], "predicateType": predicate_type}
    content = json_of({**document, "predicate": json.loads(predicate)})

    with suppress(InvalidEvidence):
        found = Provenance.of(Statement.parse(content))
        assert found is not None
        assert found.source is None or "://" in found.source.repository


@given(text=st.text(max_size=200) | st.from_regex(r"(git\+)?(https?|ssh|git)://[\w.@:/#?-]{0,80}", fullmatch=True))
@fuzz
def test_any_text_is_an_address_of_a_repository_or_none(text: str) -> None:
    found = repository_address(text)

    assert found is None or repository_address(found) == found


# --- keys and roots ---

KEYS: Final = {
    "public key": (PublicKey.parse, KEY.public_key.pem.encode()),
    "public key in DER": (PublicKey.parse, KEY.public_key.der),
    "private key": (LocalKey.parse, KEY.to_pem()),
    "encrypted private key": (LocalKey.parse, LocalKey.generate().to_pem(b"secret")),
    "OpenPGP certificate": (OpenPgpCertificate.parse, armoured(ROBOT)),
    "OpenPGP certificate without armour": (OpenPgpCertificate.parse, bytes(ROBOT.extract_certificate())),
    "trusted root": (lambda content: TrustedRoot.parse("ours", content), ROOT.content),
    "certificates": (CertificateStore.parse, SIGSTORE.issue(WHO).pem),
    "certificate in DER": (CertificateStore.parse, SIGSTORE.issue(WHO).der),
}


@pytest.mark.parametrize("kind", KEYS)
@given(cuts=CUTS)
@few
def test_spoilt_keys_and_roots_are_read_or_refused(kind: str, cuts: list[Cut]) -> None:
    parse, content = KEYS[kind]
    started = time.process_time()

    with suppress(InvalidKey):
        parse(spoil(content, cuts))

    assert time.process_time() - started < LONG


ISSUED: Final = SIGSTORE.issue(WHO)


@given(cuts=CUTS, in_pem=st.booleans())
@fuzz
def test_spoilt_certificates_name_somebody_or_are_refused(cuts: list[Cut], in_pem: bool) -> None:
    """Whatever their signature is worth: who they name is asked only of those that hang from a root."""
    try:
        found = load_certificate(spoil(ISSUED.pem if in_pem else ISSUED.der, cuts))
    except InvalidEvidence:
        return
    with suppress(InvalidEvidence):
        identity_of(found)
    with suppress(InvalidEvidence, Unproven):
        require_chain(found, [SIGSTORE.root], NOON, [SIGSTORE.issuing])
        assert found == ISSUED.certificate


def test_a_certificate_of_an_unknown_version_is_refused() -> None:
    """The library has an error of its own for it, which is no ``ValueError``."""
    version = b"\xa0\x03\x02\x01"
    spoilt = ISSUED.der.replace(version + b"\x02", version + b"\x05")
    root = replaced_authority(spoilt)

    assert spoilt != ISSUED.der
    with pytest.raises(InvalidEvidence):
        load_certificate(spoilt)
    for content in (spoilt, b"-----BEGIN CERTIFICATE-----\n%b-----END CERTIFICATE-----\n" % base64.encodebytes(spoilt)):
        with pytest.raises(InvalidKey):
            CertificateStore.parse(content)
    with pytest.raises(InvalidKey):
        TrustedRoot.parse("spoilt", root)


def replaced_authority(certificate: bytes) -> bytes:
    """A trusted root whose authority has another certificate."""
    document = json.loads(ROOT.content)
    document["certificateAuthorities"][0]["certChain"]["certificates"][0]["rawBytes"] = base64.b64encode(
        certificate
    ).decode()
    return json_of(document)


OIDS: Final = st.sampled_from([f"1.3.6.1.4.1.57264.1.{number}" for number in (*range(2, 8), *range(9, 23), 99)])
TEXTS: Final = st.binary(max_size=40) | st.text(max_size=20).map(
    lambda text: b"\x0c" + bytes([len(text)]) + text.encode()
)
ADDRESSES: Final = st.sampled_from([WHO.subject, "https://git.example.com/evil", "", "https://a@b", "mailto:a"])


@given(texts=st.dictionaries(OIDS, TEXTS, max_size=4), addresses=st.lists(ADDRESSES, max_size=3))
@few
def test_what_an_authority_certifies_names_one_or_is_refused(texts: dict[str, bytes], addresses: list[str]) -> None:
    """The authority itself signs anything: who is believed is exactly whom it names, and it names one."""

    def change(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
        kept = [
            each
            for each in builder._extensions
            if each.oid.dotted_string not in texts and each.oid != ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        ]
        changed = x509.CertificateBuilder(
            builder._issuer_name,
            builder._subject_name,
            builder._public_key,
            builder._serial_number,
            builder._not_valid_before,
            builder._not_valid_after,
            kept,
        )
        names = [x509.UniformResourceIdentifier(each) for each in addresses]
        if names:
            changed = changed.add_extension(x509.SubjectAlternativeName(names), critical=True)
        for oid, content in texts.items():
            extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), content)
            changed = changed.add_extension(extension, critical=False)
        return changed

    made = SIGSTORE.sign_statement(STATEMENT, SIGSTORE.issue(WHO, change=change))

    verdict = GOOD["certificate bundle"].ask(bundle(json_of(made)))

    if verdict.verified:
        (accepted,) = verdict.accepted
        assert accepted.identity is not None
        assert [accepted.identity.subject] == addresses
        assert accepted.identity.issuer == WHO.issuer
    else:
        assert verdict.reason


@given(place=PLACES, value=VALUES, gone=st.booleans())
@fuzz
def test_trusted_roots_of_any_shape_are_read_or_refused(place: float, value: object, gone: bool) -> None:
    content = replaced(ROOT.content, place, value, gone=gone)

    with suppress(InvalidKey):
        root = TrustedRoot.parse("spoilt", content)
        signer = IdentitySigner("who", root, IdentityPattern("**"), IdentityPattern("**"))
        for kind in ("certificate bundle", "keyless cosign"):
            verify(GOOD[kind].evidence, FILE_SUBJECT, [signer], now=NOON)


@pytest.mark.parametrize("deep", [b"[", b'{"a":', b'{"payload":['])
@pytest.mark.parametrize("kind", DOCUMENTS)
def test_what_is_nested_without_end_is_refused_soon(kind: str, deep: bytes) -> None:
    good = GOOD[kind].evidence

    verdict = attempt(GOOD[kind], Evidence(good.kind, deep * 200_000, None, good.annotations))

    assert not verdict.verified


def test_a_large_payload_is_refused_or_read_soon() -> None:
    envelope = {"payloadType": PAYLOAD_TYPE, "payload": "A" * (50 << 20), "signatures": [{"sig": "AAAA"}]}
    many = {**envelope, "payload": "", "signatures": [{"sig": "AAAA"}] * 100_000}

    for document in (envelope, many):
        with pytest.raises(Invalid):
            read(Evidence(EvidenceKind.DSSE, json_of(document)))
