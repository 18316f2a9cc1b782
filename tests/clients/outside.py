"""Verifiers of signatures that nobody here wrote, each asked the same: is this signed, by whom it should be?"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from pypi_attestations import Attestation
from sigstore.dsse import Envelope, Statement
from sigstore.dsse import _verify as verify_envelope
from sigstore.hashes import Hashed
from sigstore.models import Bundle
from sigstore.models import TrustedRoot as LibraryRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity
from sigstore_models.common.v1 import HashAlgorithm
from sigstore_models.trustroot import v1 as trustroot

from entrepot.testing.sigstore import Person
from entrepot.trust.keys import PublicKey
from tests.clients.programs import Done, Shell, program


@dataclass(frozen=True, slots=True)
class Question:
    """What every verifier is asked."""

    document: bytes
    """The bundle, the attestation or the signature."""
    file: bytes
    """What it is about, or is beside."""
    key: PublicKey | None = None
    root: bytes | None = None
    who: Person | None = None


class Outsider(Protocol):
    """One verifier."""

    def refusal(self, question: Question) -> str | None:
        """Why it does not believe the document; None where it does."""


def _said(done: Done) -> str | None:
    assert done.code >= 0
    assert "panic:" not in done.said
    return None if done.code == 0 else done.said or f"exit {done.code}"


@dataclass(frozen=True, slots=True)
class NpmLibrary:
    """``@sigstore/verify``, as the npm client has it."""

    shell: Shell

    def refusal(self, question: Question) -> str | None:
        try:
            bundle = json.loads(question.document)
        except ValueError as error:
            return str(error)
        key, who = question.key, question.who
        asked = {
            "bundle": bundle,
            "root": None if question.root is None else json.loads(question.root),
            "keys": {} if key is None else {key.cosign_hint: base64.b64encode(key.der).decode()},
            "artifact": base64.b64encode(question.file).decode() if "messageSignature" in bundle else None,
            "policy": None
            if who is None
            else {"subjectAlternativeName": who.subject, "extensions": {"issuer": who.issuer}},
        }
        script = Path(__file__).with_name("sigstore_verify.js")
        return _said(self.shell.attempt("node", script, program("npm11"), given=json.dumps(asked)))


@dataclass(frozen=True, slots=True)
class Cosign:
    """cosign 3."""

    shell: Shell
    predicate_type: str

    def refusal(self, question: Question) -> str | None:
        home = self.shell.home
        (home / "bundle.json").write_bytes(question.document)
        (home / "file").write_bytes(question.file)
        try:
            is_statement = "dsseEnvelope" in json.loads(question.document)
        except ValueError:
            is_statement = False
        verb = ("verify-blob-attestation", "--type", self.predicate_type) if is_statement else ("verify-blob",)
        if question.key is not None:
            (home / "key.pub").write_text(question.key.pem)
            trust: tuple[str, ...] = ("--key", "key.pub", "--insecure-ignore-tlog")
        else:
            assert question.root is not None
            assert question.who is not None
            (home / "root.json").write_bytes(question.root)
            identity = ("--certificate-identity", question.who.subject)
            trust = ("--trusted-root", "root.json", *identity, "--certificate-oidc-issuer", question.who.issuer)
        return _said(self.shell.attempt(program("cosign"), *verb, "--bundle", "bundle.json", *trust, "file"))


@dataclass(frozen=True, slots=True)
class PythonLibrary:
    """``sigstore``, and ``pypi-attestations`` over it, for documents with certificates."""

    def refusal(self, question: Question) -> str | None:
        assert question.root is not None
        assert question.who is not None
        verifier = Verifier(trusted_root=LibraryRoot(trustroot.TrustedRoot.from_json(question.root)))
        policy = Identity(identity=question.who.subject, issuer=question.who.issuer)
        try:
            if b"verification_material" in question.document:
                bundle = Attestation.model_validate_json(question.document).to_bundle()
            else:
                bundle = Bundle.from_json(question.document)
            if bundle._dsse_envelope is not None:
                verifier.verify_dsse(bundle, policy)
            else:
                verifier.verify_artifact(question.file, bundle, policy)
        except Exception as error:  # noqa: BLE001 (whatever it raises is a refusal)
            return str(error) or type(error).__name__
        return None


@dataclass(frozen=True, slots=True)
class PythonStatements:
    """``sigstore`` about statements signed with a key.

    Its verifier takes certificates alone, and says so of a bundle with a key before it looks at anything else. What that
    verifier is made of has no such wish: the library's own reader of envelopes, held against a key, and its own
    comparison of a statement with what it should be about. No public part of it, and all of it that could judge ours.
    """

    def refusal(self, question: Question) -> str | None:
        assert question.key is not None
        key = question.key.key
        assert isinstance(key, EllipticCurvePublicKey)
        try:
            envelope = Envelope._from_json(json.dumps(json.loads(question.document)["dsseEnvelope"]))
            statement = Statement(verify_envelope(key, envelope))
        except Exception as error:  # noqa: BLE001 (whatever it raises is a refusal)
            return str(error) or type(error).__name__
        if envelope._inner.payload_type != Envelope._TYPE:
            return f"not {Envelope._TYPE}"
        digest = hashlib.sha256(question.file).digest()
        matches = statement._matches_digest(Hashed(algorithm=HashAlgorithm.SHA2_256, digest=digest))
        return None if matches else "about something else"


@dataclass(frozen=True, slots=True)
class ModelSigning:
    """``model_signing``, about a model of several files."""

    shell: Shell
    files: Mapping[str, bytes]

    def refusal(self, question: Question) -> str | None:
        assert question.key is not None
        home = self.shell.home
        (home / "key.pub").write_text(question.key.pem)
        for path, content in self.files.items():
            (home / "model" / path).parent.mkdir(parents=True, exist_ok=True)
            (home / "model" / path).write_bytes(content)
        (home / "model.sig").write_bytes(question.document)
        command = (program("model-signing"), "verify", "key", "--signature", "model.sig", "--public_key", "key.pub")
        return _said(self.shell.attempt(*command, "model"))


@dataclass(frozen=True, slots=True)
class Gpg:
    """GnuPG with a keyring of one certificate."""

    shell: Shell

    def run(self, *arguments: str | Path, given: str | None = None) -> Done:
        """Run gpg without asking anybody."""
        loopback = ("--batch", "--no-tty", "--yes", "--pinentry-mode", "loopback", "--passphrase", "")
        # Its sockets need a short path.
        return self.shell.attempt(program("gpg"), *loopback, *arguments, given=given)

    def refusal(self, question: Question) -> str | None:
        home = self.shell.home
        (home / "document.asc").write_bytes(question.document)
        (home / "file").write_bytes(question.file)
        about = () if question.document.startswith(b"-----BEGIN PGP SIGNED") else ("file",)
        return _said(self.run("--verify", "document.asc", *about))


@dataclass(frozen=True, slots=True)
class Helm:
    """Helm, about a chart and its provenance file."""

    shell: Shell
    keyring: bytes
    name: str

    def refusal(self, question: Question) -> str | None:
        home = self.shell.home
        (home / "keyring.gpg").write_bytes(self.keyring)
        (home / self.name).write_bytes(question.file)
        (home / f"{self.name}.prov").write_bytes(question.document)
        return _said(self.shell.attempt(program("helm3"), "verify", "--keyring", "keyring.gpg", self.name))


def as_json(document: Any) -> bytes:
    """A document as clients write it."""
    return json.dumps(document).encode()
