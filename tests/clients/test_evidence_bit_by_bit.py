"""gpg and ``model_signing`` refuse what has one byte altered, wherever that is; and so do we.

Beside `tests.clients.test_evidence`, whose ways to spoil a signature are thought out and fewer.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pysequoia
import pytest

from tests.clients.outside import Gpg, ModelSigning, Question
from tests.clients.programs import Shell, program
from tests.clients.test_evidence import (
    FILE,
    KEY,
    MODEL,
    gpg,
    list_of_files,
    model_bundle,
    ours,
    pgp,
)

pytestmark = pytest.mark.clients

__all__ = ["gpg"]  # a fixture

TIMES = 48


def places(size: int) -> list[int]:
    """As many places as are wanted, from the first byte to the last."""
    assert size >= TIMES
    return sorted({number * (size - 1) // (TIMES - 1) for number in range(TIMES)})


def altered(content: bytes, place: int) -> bytes:
    """The content with one letter another one."""
    other = b"x" if content[place : place + 1] != b"x" else b"y"
    return content[:place] + other + content[place + 1 :]


def test_gpg_believes_no_file_with_one_byte_altered(gpg: Gpg) -> None:
    file = b"A file that is signed.\n" * 20
    signature = pgp(file, pysequoia.SignatureMode.DETACHED)
    variants = [altered(file, place) for place in places(len(file))]

    refused = [gpg.refusal(Question(signature, variant)) for variant in variants]

    assert len(set(variants)) == TIMES
    assert all(refused)
    assert not any(ours("detached", signature, variant).verified for variant in variants)
    assert gpg.refusal(Question(signature, file)) is None
    assert ours("detached", signature, file).verified


def test_gpg_believes_no_list_with_one_byte_altered(gpg: Gpg) -> None:
    text = list_of_files()
    signed = pgp(text, pysequoia.SignatureMode.CLEAR)
    start = signed.index(text.rstrip()[:20])
    # Lines are signed without what ends them.
    letters = [start + place for place, letter in enumerate(text.rstrip()) if not chr(letter).isspace()]
    variants = [altered(signed, letters[place]) for place in places(len(letters))]

    refused = [gpg.refusal(Question(variant, FILE)) for variant in variants]

    assert len(set(variants)) == TIMES
    assert all(refused)
    assert not any(ours("list", variant).verified for variant in variants)
    assert gpg.refusal(Question(signed, FILE)) is None
    assert ours("list", signed).verified


def test_model_signing_believes_no_list_of_files_with_one_byte_altered(shell: Shell) -> None:
    good = model_bundle()
    payload = base64.b64decode(json.loads(good)["dsseEnvelope"]["payload"])
    variants = []
    for place in places(len(payload)):
        bundle = json.loads(good)
        bundle["dsseEnvelope"]["payload"] = base64.b64encode(altered(payload, place)).decode()
        variants.append(json.dumps(bundle).encode())
    assert ModelSigning(shell, MODEL).refusal(Question(good, b"", KEY.public_key)) is None
    files = [shell.home / f"{number}.sig" for number in range(TIMES)]
    for file, variant in zip(files, variants, strict=True):
        file.write_bytes(variant)
    python = Path(program("model-signing")).resolve().parent / "python"
    script = Path(__file__).with_name("model_signing_verify.py")

    said = shell.run(python, script, "model", "key.pub", "model.sig", *files).output.splitlines()

    assert len(set(variants)) == TIMES
    assert said[0] == "good"
    assert len(said) == 1 + TIMES
    assert "good" not in said[1:]
    assert not any(ours("model", variant).verified for variant in variants)
