"""The log's one line for each request."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from entrepot.model.access import TokenKind, TokenSecret
from entrepot.wire.logs import Answer, configure_logs, hit_log, request_log
from entrepot.wire.server import Hit

FIELDS = {"method": "GET", "operation": "get_manifest", "principal": 'o"dd', "target": '/v2/a"b\n'}


def hit(method: bytes = b"GET") -> Hit:
    return Hit(
        log=Answer(FIELDS),
        method=method,
        target=b"/v2/",
        status=200,
        body_size=12,
        seconds=0.25,
        request_id=b"abc-1",
        client=("127.0.0.1", 1),
    )


def test_a_request_is_one_line_of_json(capfd: pytest.CaptureFixture[str]) -> None:
    log = request_log("json", "info")
    assert log is not None

    log({**FIELDS, "status": 200})

    line = json.loads(capfd.readouterr().err)
    assert line.items() >= {**FIELDS, "status": 200, "event": "request", "level": "info"}.items()


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_line_has_a_token(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    token = TokenSecret.generate(TokenKind.ROBOT).text
    handlers = logging.getLogger().handlers[:]
    try:
        configure_logs(form, "info")
        structlog.stdlib.get_logger("elsewhere").warning("odd", given=f"Bearer {token}", other={"deep": [token]})
    finally:
        logging.getLogger().handlers[:] = handlers
        structlog.reset_defaults()

    line = capsys.readouterr().err
    assert "odd" in line
    assert token[4:20] not in line


@pytest.mark.parametrize(("method", "sent"), [(b"GET", 12), (b"HEAD", 0)])
def test_a_request_that_the_cache_answered_says_so(capfd: pytest.CaptureFixture[str], method: bytes, sent: int) -> None:
    log = hit_log("json", "info")
    assert log is not None

    log(hit(method))

    line = json.loads(capfd.readouterr().err)
    told = {**FIELDS, "status": 200, "sent": sent, "request_id": "abc-1", "address": "127.0.0.1", "cached": True}
    assert line.items() >= told.items()


@pytest.mark.parametrize("level", ["warning", "error"])
def test_requests_are_not_logged_when_only_trouble_is(level: str) -> None:
    assert request_log("json", level) is None
    assert hit_log("json", level) is None


def test_a_person_gets_columns_with_the_same_facts(capsys: pytest.CaptureFixture[str]) -> None:
    log = hit_log("console", "info")
    assert log is not None

    log(hit())

    assert "get_manifest" in capsys.readouterr().out
