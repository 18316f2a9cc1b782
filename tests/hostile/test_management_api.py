"""A fuzzer over every operation of the management API, made from its own declaration."""

from __future__ import annotations

from hypothesis import given

from tests.hostile import strategies
from tests.hostile.effort import fuzz
from tests.hostile.exchange import Request
from tests.hostile.inside import Inside
from tests.hostile.sending import ADMINISTRATOR, send


@fuzz
@given(request=strategies.requests([*strategies.API, *strategies.ELSEWHERE], ADMINISTRATOR))
def test_no_request_to_the_management_api_finds_a_bug_or_is_done_by_half(app: Inside, request: Request) -> None:
    send(app, request)
