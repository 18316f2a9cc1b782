"""Whether what the API answers is what it says that it answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from entrepot.api.docs import SUBJECTS
from entrepot.api.shapes.basics import Problem
from entrepot.wire.errors import PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.api.endpoint import Endpoint

ENDPOINTS = [endpoint for subject in SUBJECTS for endpoint in subject.endpoints]
_PATTERNS = [(re.compile(endpoint.route().pattern), endpoint) for endpoint in ENDPOINTS]
_CLASSES = {row.code: cls for cls, row in PROBLEMS.rows.items()}


def find_endpoint(method: str, path: str) -> Endpoint | None:
    """The endpoint that a request is for; None when there is none."""
    method = "GET" if method == "HEAD" else method
    found = [
        endpoint for pattern, endpoint in _PATTERNS if endpoint.method == method and pattern.fullmatch(path) is not None
    ]
    assert len(found) <= 1, f"{method} {path} is ambiguous: {found}"
    return found[0] if found else None


def check_answer(endpoint: Endpoint, status: int, headers: Mapping[str, str], content: bytes) -> None:
    """Assert that an answer is one that the endpoint declares, and has the shape that it declares."""
    if status in endpoint.answers:
        answer = endpoint.answers[status]
        assert bool(content) == (answer.shape is not None or answer.media_type is not None)
        if answer.shape is not None:
            assert headers["content-type"] == "application/json"
            assert_conforms(content, answer.shape)
    elif status == 304:
        assert endpoint.revisioned
        assert content == b""
    else:
        assert headers["content-type"] == "application/problem+json"
        assert_conforms(content, Problem)
        code = msgspec.json.decode(content, type=Problem).code
        assert issubclass(_CLASSES[code], endpoint.refusals), f"{endpoint.operation} does not declare {code}"
        assert status in {PROBLEMS.rows[refusal].status for refusal in endpoint.refusals}
    assert ("etag" in headers) == (endpoint.revisioned and status in (200, 304))


def assert_conforms(content: bytes, shape: Any) -> None:
    """Assert that some JSON has a shape: all of its fields, of the right types, and no others."""
    read = msgspec.json.decode(content, type=shape)
    assert msgspec.json.decode(msgspec.json.encode(read)) == msgspec.json.decode(content)
