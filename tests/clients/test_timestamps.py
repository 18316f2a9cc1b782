"""A time that a timestamp authority proves, where no log promised anything: openssl is the authority."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from entrepot.model.digest import Digest
from entrepot.testing.sigstore import Person, Sigstore
from entrepot.trust.evidence import Evidence, EvidenceKind, Subject, Verdict
from entrepot.trust.roots import TrustedRoot
from entrepot.trust.signers import IdentityPattern, IdentitySigner
from entrepot.trust.verify import verify
from tests.clients.programs import Shell, program

pytestmark = pytest.mark.clients

FILE = b"a wheel"
ROBOT = Person("robot@example.com", "https://issuer.example.com")
CONFIGURATION = """
[req]
distinguished_name = name
prompt = no
x509_extensions = root
[name]
CN = authority.example.com
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[signer]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa]
default_tsa = authority
[authority]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""


class Authority:
    """A timestamp authority with a root of its own."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        (shell.home / "configuration").write_text(CONFIGURATION)
        (shell.home / "serial").write_text("01\n")
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "configuration")
        self._run("req", "-x509", *curve, "-keyout", "root.key", "-out", "root.pem", "-days", "2")
        self._run("req", *curve, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=tsa.example.com")
        signed = ("-CA", "root.pem", "-CAkey", "root.key", "-set_serial", "2", "-days", "2")
        extensions = ("-extfile", "configuration", "-extensions", "signer")
        self._run("x509", "-req", "-in", "tsa.csr", *signed, *extensions, "-out", "tsa.pem")

    def _run(self, *arguments: str) -> None:
        self.shell.run(program("openssl"), *arguments)

    def stamp(self, content: bytes) -> bytes:
        """An RFC 3161 response about *content*."""
        (self.shell.home / "content").write_bytes(content)
        self._run("ts", "-query", "-data", "content", "-sha256", "-cert", "-out", "query")
        keys = ("-signer", "tsa.pem", "-inkey", "tsa.key")
        self._run("ts", "-reply", "-config", "configuration", "-queryfile", "query", *keys, "-out", "reply")
        return (self.shell.home / "reply").read_bytes()

    @property
    def trusted(self) -> dict[str, Any]:
        """The authority as a trusted root has it."""
        certificates = [
            x509.load_pem_x509_certificate((self.shell.home / name).read_bytes()) for name in ("tsa.pem", "root.pem")
        ]
        chain = [{"rawBytes": base64.b64encode(each.public_bytes(Encoding.DER)).decode()} for each in certificates]
        start = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "certChain": {"certificates": chain},
            "validFor": {"start": start},
            "uri": "https://tsa.example.com",
            "subject": {"commonName": "tsa.example.com", "organization": "example.com"},
        }


def unpromised(sigstore: Sigstore) -> dict[str, Any]:
    """A bundle whose log proves that it has the entry, and promised nothing."""
    bundle = sigstore.sign_file(FILE, ROBOT)
    (entry,) = bundle["verificationMaterial"]["tlogEntries"]
    del entry["inclusionPromise"]
    entry["integratedTime"] = "0"
    return bundle


def check(bundle: dict[str, Any], root: dict[str, Any]) -> Verdict:
    trusted = TrustedRoot.parse("ours", json.dumps(root).encode())
    signer = IdentitySigner("robot", trusted, IdentityPattern(ROBOT.issuer), IdentityPattern(ROBOT.subject))
    evidence = Evidence(EvidenceKind.SIGSTORE_BUNDLE, json.dumps(bundle).encode())
    return verify(evidence, Subject(Digest.of(FILE)), [signer], now=datetime.now(UTC))


def test_a_timestamp_proves_when_something_was_signed(shell: Shell) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    sigstore, authority = Sigstore(before - timedelta(minutes=1)), Authority(shell)
    root = json.loads(sigstore.trusted_root) | {"timestampAuthorities": [authority.trusted]}
    bundle = unpromised(sigstore)
    signature = base64.b64decode(bundle["messageSignature"]["signature"])
    bundle["verificationMaterial"]["timestampVerificationData"] = stamps(authority.stamp(signature))

    verdict = check(bundle, root)

    assert verdict.reason is None
    signed_at = verdict.accepted[0].signed_at
    assert signed_at is not None
    assert before <= signed_at <= datetime.now(UTC)


def test_a_time_that_nobody_proved_is_not_told(shell: Shell) -> None:
    sigstore, authority = Sigstore(datetime.now(UTC) - timedelta(minutes=1)), Authority(shell)
    root = json.loads(sigstore.trusted_root) | {"timestampAuthorities": [authority.trusted]}
    bundle = sigstore.sign_file(FILE, ROBOT)
    (entry,) = bundle["verificationMaterial"]["tlogEntries"]
    logged = datetime.fromtimestamp(int(entry["integratedTime"]), UTC)
    stranger = json.loads(json.dumps(bundle))
    stranger["verificationMaterial"]["timestampVerificationData"] = stamps(authority.stamp(b"something else"))
    signature = base64.b64decode(bundle["messageSignature"]["signature"])
    entry["integratedTime"] = "0"
    bundle["verificationMaterial"]["timestampVerificationData"] = stamps(authority.stamp(signature))

    # A timestamp that does not hold is no time, and a promise about no time is none either.
    assert check(stranger, root).accepted[0].signed_at == logged
    assert check(bundle, root).accepted[0].signed_at != datetime.fromtimestamp(0, UTC)


def test_without_a_good_timestamp_there_is_no_time(shell: Shell) -> None:
    sigstore, authority = Sigstore(datetime.now(UTC) - timedelta(minutes=1)), Authority(shell)
    without = json.loads(sigstore.trusted_root)
    root = without | {"timestampAuthorities": [authority.trusted]}
    bundle = unpromised(sigstore)
    signature = base64.b64decode(bundle["messageSignature"]["signature"])
    of_another = json.loads(json.dumps(bundle))
    of_another["verificationMaterial"]["timestampVerificationData"] = stamps(authority.stamp(signature + b"\x00"))
    good = json.loads(json.dumps(bundle))
    good["verificationMaterial"]["timestampVerificationData"] = stamps(authority.stamp(signature))
    spoilt = json.loads(json.dumps(bundle))
    spoilt["verificationMaterial"]["timestampVerificationData"] = stamps(b"\x30\x00")

    for each, trusted in ((bundle, root), (of_another, root), (good, without), (spoilt, root)):
        verdict = check(each, trusted)
        assert not verdict.verified
        assert verdict.reason


def stamps(*replies: bytes) -> dict[str, Any]:
    return {"rfc3161Timestamps": [{"signedTimestamp": base64.b64encode(reply).decode()} for reply in replies]}
