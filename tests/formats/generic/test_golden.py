"""Every header and byte of a whole conversation, as ``golden/files.txt`` has it: a change of any is seen in review.

``ENTREPOT_TEST_REWRITE=1`` writes what is answered now.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.formats.generic.served import Answer, Served

GOLDEN = Path(__file__).with_name("golden") / "files.txt"
SESSION = re.compile(r"http://registry\.example\.com/[^ ]*\?upload=[0-9a-f.-]+sha256\.[0-9a-f]{32}")
UPLOAD = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass
class Exchange:
    """A request, and the answer that is expected: the lines of the file after ``>`` and ``<``."""

    comments: list[str]
    request: list[str]
    answer: list[str]

    def __str__(self) -> str:
        lines = [
            *self.comments,
            *(f"> {line}".rstrip() for line in self.request),
            *(f"< {line}".rstrip() for line in self.answer),
        ]
        return "\n".join(lines)


def read(text: str) -> Iterator[Exchange]:
    for block in text.strip().split("\n\n"):
        lines = block.split("\n")
        yield Exchange(
            [line for line in lines if line.startswith("#")],
            [line[2:] for line in lines if line.startswith(">")],
            [line[2:] for line in lines if line.startswith("<")],
        )


async def answer(served: Served, request: list[str], session: str) -> Answer:
    at = request.index("") if "" in request else len(request)
    line, *fields = request[:at]
    body = request[at + 1 :]
    method, target, by = line.split(" ")
    headers = dict(field.split(": ", 1) for field in fields)
    target = session if target == "{session}" else target
    return await served.ask(
        method, target, by=None if by == "nobody" else by, headers=headers, body="\n".join(body).encode()
    )


def lines(answered: Answer) -> list[str]:
    """An answer as the file has it; what is by chance is not in it."""
    found = [str(answered.status), *(f"{name}: {value}" for name, value in sorted(answered.headers.items()))]
    body = answered.body.decode()
    if body:
        found += ["", body]
    return [UPLOAD.sub("{upload}", SESSION.sub("{session}", line)) for line in found]


async def test_the_conversation_is_this(served: Served) -> None:
    exchanges = list(read(GOLDEN.read_text()))
    session = ""

    seen = []
    for exchange in exchanges:
        answered = await answer(served, exchange.request, session)
        found = SESSION.search(answered.headers.get("location", ""))
        session = found[0].removeprefix("http://registry.example.com") if found else session
        seen.append(Exchange(exchange.comments, exchange.request, lines(answered)))

    text = "\n\n".join(str(exchange) for exchange in seen) + "\n"
    if os.environ.get("ENTREPOT_TEST_REWRITE"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()
