"""A terminal for programs that ask questions: each is answered when it is asked."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic

_SECONDS = 60


def converse(
    command: Sequence[str], answers: Sequence[tuple[str, str]], *, folder: Path, environment: Mapping[str, str]
) -> str:
    """Run *command*, give each answer when its question has come, and return all that was said.

    It must succeed.
    """
    master, slave = pty.openpty()
    with subprocess.Popen(
        command, cwd=folder, env=dict(environment), stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ) as process:
        os.close(slave)
        try:
            said = _talk(master, list(answers))
            code = process.wait(_SECONDS)
        finally:
            process.kill()
            os.close(master)
    assert code == 0, said
    return said


def _talk(terminal: int, answers: list[tuple[str, str]]) -> str:
    said, seen = b"", 0
    end = monotonic() + _SECONDS
    while monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], end - monotonic())
        try:
            piece = os.read(terminal, 4096) if ready else b""
        except OSError:  # Linux's way to say that nobody has the other end any more.
            piece = b""
        if not piece:
            break
        said += piece
        if answers and answers[0][0].encode() in said[seen:]:
            seen = len(said)
            os.write(terminal, f"{answers.pop(0)[1]}\n".encode())
    return said.decode(errors="replace")
