"""Send what was made up, and hold the answer and the registry to what must always be true."""

from __future__ import annotations

from dataclasses import replace
from time import process_time
from typing import Final

from tests.hostile import strategies
from tests.hostile.exchange import Request, assert_answer_is_sound
from tests.hostile.inside import Inside
from tests.hostile.world import LARGE, World, basic

ADMINISTRATOR = b"{administrator}"
"""Stands for the administrator's credentials: tokens differ from run to run, and examples must not."""


MOST_SECONDS: Final = 1.5
"""Of the processor's time, for anything that one request may ask for."""


def send(app: Inside, request: Request) -> None:
    """Send *request*: a sound answer, no bug in the log, and no change when it was refused."""
    request = _filled_in(app, request)
    before = app.position()
    begun = process_time()

    answer = app.ask(request)

    assert process_time() - begun < MOST_SECONDS, "one request keeps all others waiting"
    assert app.bugs.take() == [], request
    if answer is None:
        assert request.cut
        assert app.position() == before
        return
    assert_answer_is_sound(request, answer)
    if answer.status >= 400:
        assert app.position() == before, f"{request} was refused, and has changed something\n→ {answer}"


def _filled_in(app: Inside, request: Request) -> Request:
    """The request with what is known only now: credentials, and an upload that for every second request has begun."""
    administrator = basic(app.token)
    fields = tuple((name, administrator if value == ADMINISTRATOR else value) for name, value in request.headers)
    target = request.target
    if strategies.SESSION in target:
        world = World(app.ask, administrator)
        session = world.open_session()
        if len(request.body) % 2:
            world.write("PATCH", session, pieces=(LARGE[:1000],))
        target = target.replace(strategies.SESSION, session.encode())
    return replace(request, target=target, headers=fields)
