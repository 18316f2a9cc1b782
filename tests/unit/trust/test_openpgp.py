"""OpenPGP: Maven's signatures beside files, Helm's signed lists of files."""

from __future__ import annotations

import time

import pysequoia
import pytest

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidEvidence, InvalidKey
from entrepot.testing.sigstore import NOON
from entrepot.trust.evidence import Evidence, EvidenceKind, Subject, Verdict
from entrepot.trust.openpgp import OpenPgpCertificate
from entrepot.trust.signers import OpenPgpSigner
from entrepot.trust.verify import read, verify

JAR = b"a jar"
CHART = Digest.of(b"a chart")


def generate() -> pysequoia.Tsk:
    return pysequoia.Tsk.generate("Robot <robot@example.com>")


def armoured(of: pysequoia.Tsk) -> bytes:
    return str(of.extract_certificate()).encode()


ROBOT, STRANGER = generate(), generate()


def signer(of: pysequoia.Tsk = ROBOT, name: str = "robot") -> OpenPgpSigner:
    return OpenPgpSigner(name, OpenPgpCertificate.parse(armoured(of)))


def sign(content: bytes, mode: pysequoia.SignatureMode, of: pysequoia.Tsk = ROBOT) -> bytes:
    return pysequoia.sign(of.signer(), content, mode=mode)


def detached(of: pysequoia.Tsk = ROBOT, content: bytes = JAR, payload: bytes | None = JAR) -> Evidence:
    return Evidence(EvidenceKind.OPENPGP_DETACHED, sign(content, pysequoia.SignatureMode.DETACHED, of), payload)


def listing(name: str = "app-1.0.0.tgz", digest: object = CHART, more: str = "") -> bytes:
    return f"apiVersion: v2\nname: app\nversion: 1.0.0\n\n...\nfiles:\n  {name}: {digest}\n{more}".encode()


def clear(content: bytes) -> Evidence:
    return Evidence(EvidenceKind.OPENPGP_CLEARSIGNED, sign(content, pysequoia.SignatureMode.CLEAR))


def check(evidence: Evidence, subject: Subject, *signers: OpenPgpSigner) -> Verdict:
    return verify(evidence, subject, signers or [signer()], now=NOON)


def test_a_certificate_says_who_it_is() -> None:
    certificate = signer().certificate

    assert certificate.fingerprint == ROBOT.extract_certificate().fingerprint.upper()
    assert certificate.user_ids == ("Robot <robot@example.com>",)


def test_a_file_with_its_signature_is_verified() -> None:
    verdict = check(detached(), Subject(Digest.of(JAR)), signer(STRANGER, "stranger"), signer())

    (accepted,) = verdict.accepted
    assert accepted.signer == "robot"
    assert accepted.claimed_at is not None
    assert accepted.signed_at is None


def test_a_signature_says_which_key_made_it() -> None:
    claims = read(detached())

    assert len(claims.key_hints[0]) == 40
    assert claims.claimed_at is not None


@pytest.mark.parametrize(
    ("evidence", "subject"),
    [
        (detached(STRANGER), Digest.of(JAR)),
        (detached(content=b"another"), Digest.of(JAR)),
        (detached(), Digest.of(b"another")),
        (detached(payload=b"another"), Digest.of(b"another")),
        (detached(payload=None), Digest.of(JAR)),
        (Evidence(EvidenceKind.OPENPGP_DETACHED, b"", JAR), Digest.of(JAR)),
        (Evidence(EvidenceKind.OPENPGP_DETACHED, armoured(ROBOT), JAR), Digest.of(JAR)),
    ],
    ids=range(7),
)
def test_a_file_with_another_signature_is_not_verified(evidence: Evidence, subject: Digest) -> None:
    verdict = check(evidence, Subject(subject))

    assert not verdict.verified
    assert verdict.reason
    assert "backtrace" not in verdict.reason


def test_a_chart_in_a_signed_list_is_verified() -> None:
    evidence = clear(listing(more="images:\n  registry.example.com/app: sha256:" + "0" * 64 + "\n"))

    assert check(evidence, Subject(CHART, "app-1.0.0.tgz")).reason is None
    assert check(evidence, Subject(CHART)).reason is None
    assert not check(evidence, Subject(CHART, "app-1.0.1.tgz")).verified
    assert not check(evidence, Subject(Digest.of(b"another"), "app-1.0.0.tgz")).verified
    assert not check(evidence, Subject(CHART, "app-1.0.0.tgz"), signer(STRANGER)).verified
    assert read(evidence).subjects[0].name == "app-1.0.0.tgz"


@pytest.mark.parametrize(
    "content",
    [
        listing(more=f"  app-1.0.0.tgz: {CHART}\n"),
        listing(more="  other.tgz: [a]\n"),
        listing(digest="sha1:00"),
        listing().replace(b"...\n", b""),
        listing().replace(b"files:", b"others:"),
        b"files:\n",
    ],
)
def test_a_list_that_could_be_read_differently_proves_nothing(content: bytes) -> None:
    assert not check(clear(content), Subject(CHART)).verified
    with pytest.raises(InvalidEvidence):
        read(clear(content))


def test_what_stands_around_a_signed_list_makes_it_none() -> None:
    content = clear(listing("other.tgz")).content
    forged = f"files:\n  app-1.0.0.tgz: {CHART}\n".encode()

    for each in (forged + content, content + forged, content.replace(b"Hash:", forged + b"Hash:")):
        evidence = Evidence(EvidenceKind.OPENPGP_CLEARSIGNED, each)
        assert not check(evidence, Subject(CHART, "app-1.0.0.tgz")).verified


def test_a_document_of_nothing_but_beginnings_is_refused_at_once() -> None:
    content = b"-----BEGIN PGP SIGNED MESSAGE-----\n\n" + b"\n-----BEGIN PGP SIGNATURE-----" * 100_000
    started = time.process_time()

    with pytest.raises(InvalidEvidence):
        read(Evidence(EvidenceKind.OPENPGP_CLEARSIGNED, content))

    assert time.process_time() - started < 5  # By the square of its size it took hours.


def test_a_signed_message_of_another_kind_is_no_list() -> None:
    evidence = Evidence(EvidenceKind.OPENPGP_CLEARSIGNED, sign(listing(), pysequoia.SignatureMode.INLINE))

    assert not check(evidence, Subject(CHART)).verified


@pytest.mark.parametrize(
    "content",
    [b"", b"nothing", armoured(ROBOT) + armoured(STRANGER), b"x" * (1024 * 1024 + 1)],
    ids=["empty", "nothing", "two", "large"],
)
def test_what_is_no_certificate_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidKey):
        OpenPgpCertificate.parse(content)


def test_a_key_that_nobody_has_signed_is_refused() -> None:
    certificate = bytes(ROBOT.extract_certificate())
    alone = certificate[: 2 + certificate[1]]  # RFC 9580, 4.2: the first packet, by its length

    with pytest.raises(InvalidKey):
        OpenPgpCertificate.parse(alone)


def test_secret_keys_are_refused() -> None:
    with pytest.raises(InvalidKey):
        OpenPgpCertificate.parse(bytes(ROBOT))


def test_a_revoked_certificate_is_refused() -> None:
    gone = generate()
    certificate = gone.extract_certificate()
    revocation = certificate.revoke(gone.certifier())
    revoked = pysequoia.Cert.from_bytes(bytes(certificate) + bytes(revocation))

    with pytest.raises(InvalidKey):
        OpenPgpCertificate.parse(bytes(revoked))
