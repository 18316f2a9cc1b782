from __future__ import annotations

import json

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.client.loopback import Asked, Say, loopback

SECRET = "ent_bot_" + "x" * 36


def _mint(asked: Asked) -> Say:
    return Say.json({"token": SECRET, "id": "1", "principal": asked.document["name"], "expires_at": None}, 201)


def test_a_new_token_is_alone_on_stdout(run: Run) -> None:
    with loopback(_mint) as server:
        done = run("token", "create", "ci", "--role", "publisher", "--namespace", "acme", url=server.url)

    assert done.stdout == f"{SECRET}\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("written", "seconds"), [("90s", 90), ("15m", 900), ("1h", 3600), ("30d", 2_592_000), ("2w", 1_209_600)]
)
def test_a_length_of_time_is_written_with_its_unit(run: Run, written: str, seconds: int) -> None:
    with loopback(_mint) as server:
        run("token", "create", "ci", "--role", "reader", "--ttl", written, url=server.url)

    assert server.asked[0].document["ttl_seconds"] == seconds


@pytest.mark.parametrize("written", ["0s", "1", "h", "1y", "-1h", "1.5h", "1h30m"])
def test_a_length_of_time_that_makes_no_sense_is_refused(run: Run, written: str) -> None:
    done = run("token", "create", "ci", "--role", "reader", "--ttl", written, url="http://localhost:1")

    assert done.exit_code == 2
    assert "90s, 15m, 1h, 30d or 2w" in done.stderr


def test_all_that_narrows_a_token_is_sent(run: Run) -> None:
    with loopback(_mint) as server:
        run(
            *("token", "create", "ci", "--role", "publisher", "--namespace", "acme.dev", "--package", "team-*"),
            *("--action", "publish", "--action", "read"),
            url=server.url,
        )

    assert server.asked[0].document == {
        "name": "ci",
        "role": "publisher",
        "view": "acme.dev",
        "pattern": "team-*",
        "actions": ["publish", "read"],
    }


def test_only_tokens_that_work_are_listed(run: Run) -> None:
    def token(label: str, **changed: object) -> dict[str, object]:
        known = {"id": label, "label": label, "principal": "p", "scope": None, "parent": None, "revoked": False}
        return known | {"created_at": "2026-01-01T00:00:00Z", "expires_at": None} | changed

    items = [
        token("good", scope=[{"role": "reader", "actions": ["read"], "view": "acme", "pattern": "*"}]),
        token("gone", revoked=True),
        token("over", expires_at="2001-01-01T00:00:00Z"),
    ]
    with loopback(lambda _: Say.json({"items": items, "next": None})) as server:
        some = run("token", "list", url=server.url).stdout
        every = json.loads(run("token", "list", "--all", "-o", "json", url=server.url).stdout)

    assert "good" in some
    assert "reader in acme" in some
    assert "gone" not in some
    assert "over" not in some
    assert [each["label"] for each in every] == ["good", "gone", "over"]
