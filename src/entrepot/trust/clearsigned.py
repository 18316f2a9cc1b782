"""Clear-signed lists of files: Helm's ``.prov``.

https://helm.sh/docs/topics/provenance/. Only what was signed is looked at: a document with anything around its signed
text is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidEvidence
from entrepot.trust.evidence import Acceptance, Claims, Verdict
from entrepot.trust.openpgp import key_hints, load_signature
from entrepot.trust.question import Unproven
from entrepot.trust.statement import StatementSubject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.trust.evidence import Evidence
    from entrepot.trust.question import Question

_CLEAR_SIZE: Final = 4 * 1024 * 1024

# RFC 9580, section 7, "Cleartext Signature Framework": the line it begins with, headers, an empty line.
_HEAD: Final = re.compile(r"-----BEGIN PGP SIGNED MESSAGE-----[ \t]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n")
_SIGNATURE: Final = "\n-----BEGIN PGP SIGNATURE-----"
_END: Final = "-----END PGP SIGNATURE-----"
# A line of Helm's list: ``  chart-1.0.0.tgz: sha256:…``, the name perhaps in quotes.
_FILE: Final = re.compile(
    r"""\s+(?P<quote>["']?)(?P<name>[^"'\s:][^"':]*)(?P=quote):\s+(?P<digest>sha256:[0-9a-f]{64})\s*"""
)


def read(evidence: Evidence) -> Claims:
    """Which files the document lists, and which key it says signed them. Raises `InvalidEvidence`."""
    text, block = _split(evidence.content)
    listed = tuple(StatementSubject(name, {"sha256": digest.hex}) for name, digest in _files(text).items())
    signature = load_signature(block)
    return Claims(evidence.kind, None, listed, key_hints(signature), claimed_at=signature.created)


def verify(evidence: Evidence, question: Question) -> Verdict:
    """Who signed the list that has the file. Raises `InvalidEvidence`, `Unproven`."""
    _, block = _split(evidence.content)
    claimed_at = load_signature(block).created
    accepted = []
    for signer in question.openpgp:
        found = signer.certificate.find_key(evidence.content)
        if found is not None:
            key, signed = found
            _require_listed(_files(_decode(signed)), question)
            accepted.append(Acceptance(signer.id, key, claimed_at=claimed_at))
    if not accepted:
        raise Unproven("none of the OpenPGP certificates that are trusted here made the signature")
    return Verdict(tuple(accepted))


def _require_listed(files: Mapping[str, Digest], question: Question) -> None:
    """Raise `Unproven` unless the list has the file, under its name where that was asked for."""
    name, digest = question.subject.name, question.subject.find("sha256")
    if digest is None or digest not in files.values():
        raise Unproven(f"the list does not have a file with {question.subject.digest}")
    if name is not None and files.get(name) != digest:
        raise Unproven(f"the list does not have {name} with {digest}")


def _split(content: bytes) -> tuple[str, bytes]:
    """The text and the signature of a clear-signed document, which has nothing else."""
    if len(content) > _CLEAR_SIZE:
        raise InvalidEvidence("clear-signed document", expected=f"at most {_CLEAR_SIZE} bytes", actual=len(content))
    whole = _decode(content).strip()
    head = _HEAD.match(whole)
    # Cut at its lines, which takes time linear in its size however often they are there.
    text, begins, signature = whole[0 if head is None else head.end() :].partition(_SIGNATURE)
    if head is None or not begins or _SIGNATURE in signature or signature.find(_END) != len(signature) - len(_END):
        raise InvalidEvidence("clear-signed document", expected="one signed message, and nothing around it")
    return re.sub(r"(?m)^- ", "", text.removesuffix("\r")), f"{_SIGNATURE.lstrip()}{signature}".encode()


def _files(text: str) -> Mapping[str, Digest]:
    """The files that the second part of Helm's document lists (https://helm.sh/docs/topics/provenance/)."""
    lines = text.replace("\r\n", "\n").split("\n")
    if "..." not in lines or "files:" not in lines[lines.index("...") :]:
        raise InvalidEvidence("provenance file", expected="a part with files: after a line with ...")
    rest = lines[lines.index("...") + 1 :]
    files: dict[str, Digest] = {}
    within = None
    for line in rest:
        if not line.strip():
            continue
        if line in ("files:", "images:"):
            within = line
            continue
        found = _FILE.fullmatch(line)
        if within is None or found is None or (within == "files:" and found["name"] in files):
            raise InvalidEvidence("provenance file", expected="each file once, with its sha256", actual=line[:200])
        if within == "files:":
            files[found["name"]] = Digest.parse(found["digest"])
    return files


def _decode(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidEvidence("clear-signed document", expected="UTF-8") from error
