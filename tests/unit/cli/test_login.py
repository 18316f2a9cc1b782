from __future__ import annotations

import json
import stat
from pathlib import Path

from tests.unit.cli.conftest import Run
from tests.unit.client.loopback import Asked, Say, loopback

KNOWN = {
    "principal": "bob",
    "kind": "user",
    "token_id": "1",
    "expires_at": None,
    "allowances": [
        [{"role": "maintainer", "actions": [], "view": "acme", "pattern": "*"}],
        [{"role": None, "actions": ["read"], "view": None, "pattern": "team-*"}],
    ],
}


def _registry(asked: Asked) -> Say:
    if asked.headers.get("authorization") == "Bearer good":
        return Say.json(KNOWN)
    if "authorization" in asked.headers:
        return Say.problem(401, "unauthenticated", "Credentials are needed, or those that were sent are not valid.")
    return Say.json({"principal": None, "kind": None, "token_id": None, "expires_at": None, "allowances": [[]]})


def test_a_token_is_kept_once_it_was_tried(run: Run, home: Path) -> None:
    with loopback(_registry) as server:
        logged_in = run("login", server.url, "--token", "good")
        told = run("whoami")

    store = home / ".config" / "entrepot" / "credentials.json"
    assert logged_in.stdout == f"logged in to {server.url} as bob\n"
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    assert told.stdout.splitlines() == [
        "principal  bob",
        "kind       user",
        f"registry   {server.url}",
        "token      1",
        "expires    never",
        "may        maintainer in acme",
        "           only as read in every namespace for team-*",
    ]


def test_a_token_may_be_piped_in(run: Run) -> None:
    with loopback(_registry) as server:
        done = run("login", server.url, input="good\n")

    assert done.exit_code == 0, done.output


def test_a_token_that_is_not_accepted_is_not_kept(run: Run, home: Path) -> None:
    with loopback(_registry) as server:
        done = run("login", server.url, "--token", "bad")

    assert done.exit_code == 1
    assert "bad" not in done.output
    assert not (home / ".config").exists()


def test_no_token_at_all_is_misuse(run: Run) -> None:
    done = run("login", "http://localhost:1", input="")

    assert done.exit_code == 2
    assert "--token" in done.stderr


def test_logging_out_forgets_the_token(run: Run) -> None:
    with loopback(_registry) as server:
        run("login", server.url, "--token", "good")
        done = run("logout", "--output", "json")
        after = run("whoami", url=server.url, token=None)

    assert json.loads(done.stdout) == {"url": server.url}
    assert after.exit_code == 1
    assert f"entrepot login {server.url}" in after.stderr


def test_the_environment_goes_before_the_login(run: Run) -> None:
    with loopback(_registry) as server:
        run("login", server.url, "--token", "good")
        done = run("whoami", url=server.url, token="other")

    assert done.exit_code == 1


def test_a_login_in_the_clear_is_warned_of(run: Run) -> None:
    with loopback(_registry) as server:
        port = server.url.rpartition(":")[2]
        # Linux takes it for this machine, and nobody reads it as the loopback.
        done = run("login", f"http://0.0.0.0:{port}", "--token", "good")

    assert "http://0.0.0.0" in done.stderr
    assert "not encrypted" in done.stderr


def test_whoami_in_json_is_the_whole_of_it(run: Run) -> None:
    with loopback(_registry) as server:
        done = run("whoami", "-o", "json", url=server.url, token="good")

    assert json.loads(done.stdout) == KNOWN
