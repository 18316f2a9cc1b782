"""What Python's, npm's and the model makers' own signatures prove."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from entrepot.model.digest import Digest
from entrepot.testing.sigstore import NOON, Person, Sigstore, as_pep740
from entrepot.trust.evidence import KEY_ID, Evidence, EvidenceKind, Subject, Verdict
from entrepot.trust.keys import PublicKey
from entrepot.trust.model_signing import PREDICATE
from entrepot.trust.roots import TrustedRoot
from entrepot.trust.signers import IdentityPattern, IdentitySigner, KeySigner
from entrepot.trust.signing import LocalKey, Named, make_statement, sign_statement
from entrepot.trust.verify import read, verify
from tests.unit.trust.test_statement import document

SIGSTORE = Sigstore()
ROBOT = Person("https://git.example.com/acme/app/.ci/release.yml@refs/tags/v1", "https://issuer.example.com")
ROBOTS = IdentitySigner(
    "robots",
    TrustedRoot.parse("ours", SIGSTORE.trusted_root),
    IdentityPattern(ROBOT.issuer),
    IdentityPattern(ROBOT.subject),
)
LOCAL = LocalKey.generate()
KEY = KeySigner("release", LOCAL.public_key)


# --- Python ---

WHEEL = Digest.of(b"a wheel")
FILENAME = "acme_app-1.0-py3-none-any.whl"


def pep740(**changes: Any) -> dict[str, Any]:
    about = {
        "subject": [{"name": FILENAME, "digest": {"sha256": WHEEL.hex}}],
        "predicateType": "https://docs.pypi.org/attestations/publish/v1",
        **changes,
    }
    return as_pep740(SIGSTORE.sign_statement(document(**about), ROBOT))


def check_wheel(attestation: Mapping[str, Any], name: str = FILENAME) -> Verdict:
    evidence = Evidence(EvidenceKind.PEP740, json.dumps(attestation).encode())
    return verify(evidence, Subject(WHEEL, name), [ROBOTS], now=NOON)


def test_an_attestation_of_a_wheel_is_verified() -> None:
    verdict = check_wheel(pep740())

    assert verdict.reason is None
    assert verdict.statement is not None


def test_a_wheel_s_name_may_be_spelt_differently() -> None:
    about = [{"name": "Acme.App-1.0.0-py3-none-any.whl", "digest": {"sha256": WHEEL.hex}}]

    assert check_wheel(pep740(subject=about)).reason is None
    assert not check_wheel(pep740(subject=about), "acme_app-1.1-py3-none-any.whl").verified
    assert not check_wheel(pep740(), "acme_app-1.0.tar.gz").verified


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": [{"digest": {"sha256": WHEEL.hex}}]},
        {"subject": [{"name": FILENAME, "digest": {"sha256": "0" * 64}}]},
        {"subject": [{"name": FILENAME, "digest": {"sha256": WHEEL.hex}}] * 2},
        {"predicateType": "https://example.com/anything"},
    ],
)
def test_an_attestation_that_pep_740_does_not_know_proves_nothing(changes: dict[str, Any]) -> None:
    assert not check_wheel(pep740(**changes)).verified


def test_an_attestation_s_certificate_and_entry_are_its_own() -> None:
    one, other = pep740(), pep740()

    for part in ("certificate", "transparency_entries"):
        mixed = copy.deepcopy(one)
        mixed["verification_material"][part] = other["verification_material"][part]
        assert not check_wheel(mixed).verified
    assert not check_wheel({**one, "version": 2}).verified
    assert not check_wheel({**one, "envelope": {}}).verified


# --- npm ---

TARBALL = Digest.of(b"a tarball")
SHA512 = Digest.of(b"a tarball", "sha512")


def npm_signature(name: str, tarball: bytes = b"a tarball") -> Evidence:
    integrity = base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    signature = LOCAL.sign(f"{name}:sha512-{integrity}".encode())
    return Evidence(
        EvidenceKind.NPM_SIGNATURE, base64.b64encode(signature), annotations={KEY_ID: LOCAL.public_key.npm_key_id}
    )


def test_a_version_s_signature_is_over_its_name_and_integrity() -> None:
    signed = npm_signature("@acme/app@1.0.0")

    assert verify(signed, Subject(TARBALL, "@acme/app@1.0.0", (SHA512,)), [KEY], now=NOON).verified
    assert not verify(signed, Subject(TARBALL, "@acme/app@1.0.1", (SHA512,)), [KEY], now=NOON).verified
    assert not verify(signed, Subject(TARBALL, "@acme/app@1.0.0"), [KEY], now=NOON).verified
    assert not verify(signed, Subject(TARBALL, None, (SHA512,)), [KEY], now=NOON).verified
    other = Digest.of(b"another", "sha512")
    assert not verify(signed, Subject(TARBALL, "@acme/app@1.0.0", (other,)), [KEY], now=NOON).verified
    assert read(signed).key_hints == (LOCAL.public_key.npm_key_id,)


@pytest.mark.parametrize("spelling", ["pkg:npm/%40acme/app@1.0.0", "pkg:npm/@acme/app@1.0.0"])
def test_provenance_of_npm_is_about_the_package_and_its_tarball(spelling: str) -> None:
    statement = document(subject=[{"name": spelling, "digest": {"sha512": SHA512.hex}}])
    evidence = Evidence(EvidenceKind.NPM_PROVENANCE, json.dumps(SIGSTORE.sign_statement(statement, ROBOT)).encode())

    assert verify(evidence, Subject(TARBALL, "@acme/app@1.0.0", (SHA512,)), [ROBOTS], now=NOON).reason is None
    assert not verify(evidence, Subject(TARBALL, "@acme/app@2.0.0", (SHA512,)), [ROBOTS], now=NOON).verified
    assert not verify(evidence, Subject(TARBALL, "@acme/app@1.0.0"), [ROBOTS], now=NOON).verified


# --- models ---

FILES = {"config.json": Digest.of(b"config"), "weights/1.bin": Digest.of(b"weights")}
STORED = {**FILES, "model.sig": Digest.of(b"signature")}


def model(files: Mapping[str, Digest] = FILES, **changes: Any) -> Evidence:
    whole = hashlib.sha256(b"".join(bytes.fromhex(files[path].hex) for path in sorted(files))).hexdigest()
    predicate = {
        "serialization": {"method": "files", "hash_type": "sha256", "ignore_paths": ["model.sig", ".git"]},
        "resources": [{"name": path, "algorithm": "sha256", "digest": files[path].hex} for path in sorted(files)],
        **changes,
    }
    statement = make_statement([Named("model", (Digest("sha256", whole),))], PREDICATE, predicate)
    return Evidence(EvidenceKind.MODEL_SIGNING, sign_statement(LOCAL, statement))


def check_model(evidence: Evidence, stored: Mapping[str, Digest] = STORED) -> Verdict:
    return verify(evidence, Subject(Digest.of(b"version"), files=stored), [KEY], now=NOON)


def test_a_model_whose_files_are_those_that_were_signed_is_verified() -> None:
    assert check_model(model()).reason is None
    assert check_model(model(), {**STORED, ".git/HEAD": Digest.of(b"")}).reason is None


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ({}, "signed and not stored"),
        ({"config.json": FILES["config.json"]}, "weights/1.bin"),
        ({**STORED, "weights/1.bin": Digest.of(b"other")}, "other content"),
        ({**STORED, "weights/2.bin": Digest.of(b"more")}, "stored and not signed"),
        ({**STORED, ".gitattributes": Digest.of(b"more")}, "stored and not signed"),
    ],
)
def test_a_model_with_other_files_proves_nothing(stored: dict[str, Digest], reason: str) -> None:
    verdict = check_model(model(), stored)

    assert not verdict.verified
    assert reason in (verdict.reason or "")


@pytest.mark.parametrize(
    "changes",
    [
        {"resources": []},
        {"resources": [{"name": "config.json", "algorithm": "sha256", "digest": FILES["config.json"].hex}]},
        {"resources": [{"name": "config.json", "algorithm": "blake2b", "digest": "00"}]},
        {"serialization": {"method": "shards"}},
        {"serialization": None},
        {"serialization": {"method": "files", "ignore_paths": "model.sig"}},
    ],
    ids=str,
)
def test_a_list_of_another_shape_proves_nothing(changes: dict[str, Any]) -> None:
    assert not check_model(model(**changes)).verified


def test_a_model_signed_with_another_key_is_not_verified() -> None:
    stranger = KeySigner("stranger", PublicKey.of(ec.generate_private_key(ec.SECP256R1()).public_key()))

    verdict = verify(model(), Subject(Digest.of(b"version"), files=STORED), [stranger], now=NOON)

    assert not verdict.verified
