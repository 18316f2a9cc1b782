"""Signatures of machine-learning models: a statement that lists every file with its digest.

https://github.com/sigstore/model-transparency, predicate ``https://model_signing/signature/v1.0``.
The digests are held against those that the files are stored with, so no byte of a model is read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidDigest, InvalidEvidence
from entrepot.trust.bundle import Bundle, read_bundle, verify_statement
from entrepot.trust.question import Unproven

if TYPE_CHECKING:
    from entrepot.trust.evidence import Claims, Evidence, Verdict
    from entrepot.trust.question import Question
    from entrepot.trust.statement import Statement

PREDICATE: Final = "https://model_signing/signature/v1.0"

_RESOURCES: Final = 100_000
_SHOWN: Final = 3


def read(evidence: Evidence) -> Claims:
    """What the signature says of itself. Raises `InvalidEvidence`."""
    return read_bundle(Bundle.parse(evidence.content), evidence)


def verify(evidence: Evidence, question: Question) -> Verdict:
    """Who signed the model. Raises `InvalidEvidence`, `Unproven`."""
    bundle = Bundle.parse(evidence.content)
    statement = bundle.envelope.statement
    files = signed_files(statement)
    _require_same(files, question.subject.files, _ignored(statement))
    return verify_statement(bundle, statement, question)


def signed_files(statement: Statement) -> Mapping[str, Digest]:
    """The files that a statement lists, each with its sha256. Raises `InvalidEvidence`, `Unproven`."""
    if statement.predicate_type != PREDICATE:
        raise InvalidEvidence("model signature", expected=PREDICATE, actual=statement.predicate_type[:200])
    serialization = statement.predicate.get("serialization")
    method = serialization.get("method") if isinstance(serialization, dict) else None
    if method != "files":
        raise Unproven(f"the signature is over {method}, and only whole files can be held against what is stored")
    resources = statement.predicate.get("resources")
    if not isinstance(resources, list) or not 0 < len(resources) <= _RESOURCES:
        raise InvalidEvidence("model signature, resources", expected=f"1 to {_RESOURCES} files")
    listed = [_resource(each) for each in resources]
    files = dict(listed)
    if len(files) != len(listed):
        raise InvalidEvidence("model signature, resources", expected="each file once")
    # The statement is about the hash of all digests, in the order of the list.
    whole = Digest("sha256", hashlib.sha256(b"".join(bytes.fromhex(digest.hex) for _, digest in listed)).hexdigest())
    if len(statement.subjects) != 1 or not statement.subjects[0].is_about((whole,)):
        raise Unproven("the statement is not about the files that it lists")
    return files


def _resource(found: Any) -> tuple[str, Digest]:
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        raise InvalidEvidence("model signature, resource", expected="name, algorithm and digest")
    if found.get("algorithm") != "sha256":
        raise Unproven(f"the signature uses {str(found.get('algorithm'))[:50]}, and only sha256 is stored with files")
    try:
        return found["name"], Digest.parse(f"sha256:{found.get('digest')}")
    except InvalidDigest as error:
        raise InvalidEvidence("model signature, resource", expected="a sha256", actual=found["name"][:200]) from error


def _ignored(statement: Statement) -> tuple[str, ...]:
    """The paths that the signer left out: the signature itself, and what version control keeps."""
    paths = statement.predicate["serialization"].get("ignore_paths") or []
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise InvalidEvidence("model signature, ignore_paths", expected="a list of paths")
    return tuple(paths)


def _require_same(signed: Mapping[str, Digest], stored: Mapping[str, Digest], ignored: tuple[str, ...]) -> None:
    """Raise `Unproven` unless every file that is signed is stored, and every one that is stored is signed or ignored."""
    missing = [path for path in signed if path not in stored]
    if missing:
        raise Unproven(f"signed and not stored: {_some(missing)}")
    other = [path for path in signed if signed[path] != stored[path]]
    if other:
        raise Unproven(f"stored with other content than was signed: {_some(other)}")
    unsigned = [path for path in stored if path not in signed and not _is_ignored(path, ignored)]
    if unsigned:
        raise Unproven(f"stored and not signed: {_some(unsigned)}")


def _is_ignored(path: str, ignored: tuple[str, ...]) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in ignored)


def _some(paths: list[str]) -> str:
    more = len(paths) - _SHOWN
    return ", ".join(path[:200] for path in sorted(paths)[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
