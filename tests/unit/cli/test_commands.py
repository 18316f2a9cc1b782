"""What holds for every command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from entrepot.cli import _SECTIONS, entrepot
from entrepot.cli.serve import serve
from tests.unit.cli.conftest import Run
from tests.unit.client.loopback import Say, loopback

_WITHOUT_TABLES = {"serve", "config schema"}


def _commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by what is typed."""
    context = click.Context(entrepot)
    for name in entrepot.list_commands(context):
        command = entrepot.get_command(context, name)
        assert command is not None
        yield from _below(name, command)


def _below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    for inner, each in command.commands.items():
        yield from _below(f"{name} {inner}", each)


@pytest.mark.parametrize(
    ("name", "sentence"), [(name, told) for commands in _SECTIONS.values() for name, (_, told) in commands.items()]
)
def test_help_says_what_each_command_says_of_itself(name: str, sentence: str) -> None:
    command = entrepot.get_command(click.Context(entrepot), name)

    assert command is not None
    assert (command.help or "").partition("\n")[0] == sentence


@pytest.mark.parametrize(("name", "command"), list(_commands()), ids=lambda each: each if isinstance(each, str) else "")
def test_every_command_can_answer_in_json(name: str, command: click.Command) -> None:
    options = {option for parameter in command.params for option in parameter.opts}

    assert ("--output" in options) == (name not in _WITHOUT_TABLES)


@pytest.mark.parametrize(("name", "command"), list(_commands()), ids=lambda each: each if isinstance(each, str) else "")
def test_every_command_and_option_is_explained(name: str, command: click.Command) -> None:
    unexplained = [
        parameter.name
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help and not isinstance(parameter.type, click.Choice)
    ]

    assert command.help
    assert unexplained == []


def test_every_word_of_the_contract_is_a_command() -> None:
    promised = """
        serve, doctor, check, scrub show, scrub repair, tier rules, tier plan, tier apply, tier show, tier move, tier restore, migrate plan, migrate apply, migrate copy, gc plan, gc apply, gc explain, routes, config check, config schema, version, login, logout, whoami, setup,
        push, pull, ls, inspect, search, journal, sbom show, sbom diff, sbom export, impact,
        scan show, scan push, scan reports, vex add, vex list, vex push, vex remove,
        advisories import, advisories export, advisories status, advisories refresh, advisories remove,
        tag, seal, yank, unyank, deprecate, undeprecate, delete, restore, trash, purge,
        erase plan, erase apply, erase show, erase list, erase lift, erase verify,
        namespace create, namespace list, namespace show, namespace set, channel list, channel set,
        federation issuer add, federation issuer list, federation issuer remove,
        federation publisher add, federation publisher list, federation publisher remove, federation publisher preview,
        token create, token list, token revoke, token recover, grant add, grant list, grant remove,
        upstream add, upstream list, upstream show, upstream set, upstream remove, upstream test,
        upstream refresh, upstream readmit, upstream warm,
        principal create, principal list, principal disable, clearance open, clearance close, clearance list,
        attach, attest, sign, verify, provenance show, provenance from-commit, provenance from-repository,
        provenance of-build, provenance by-builder, provenance using, provenance into, provenance completeness,
        signer add, signer list, signer activate, signer retire, signer revoke, signer affected, signer key,
        trusted-root set, trusted-root list, trusted-root remove,
        log verify, log prove, log witness,
        secrets list, secrets accept, secrets unaccept, secrets accepted,
        channel rules, why, promote, approve, refuse, unpromote, promotions, block, quarantine, unblock, blocks,
        deploy record, deploy end, deploy list, lease add, lease renew, lease release, lease list,
        hold add, hold remove, hold list,
        retain rules, retain plan, retain show, retain plans, retain apply, retain explain, retain replay,
        quota set, quota show, quota remove, usage,
        backup make, backup list, backup verify, backup prune, recover, export, import,
        policy list, policy set, policy remove, policy test, policy replay, policy facts,
        webhook add, webhook list, webhook test, webhook remove, webhook replay, webhook deliveries, webhook rotate,
        webhook enable, webhook disable
    """
    words = [each.strip() for each in promised.split(",")]

    assert sorted(words) == sorted(name for name, _ in _commands())


def test_the_servers_options_are_its_settings() -> None:
    options = {option for parameter in serve.params for option in parameter.opts}

    assert {"--listen", "--data", "--database", "--blobs", "--workers", "--public-url"} <= options


# --- what is imported ---


def _imported_by(*words: str) -> set[str]:
    """The modules that a command imports, in a process of its own."""
    program = (
        "import sys\n"
        f"sys.argv = ['entrepot', *{list(words)!r}]\n"
        "import entrepot.cli\n"
        "try:\n"
        "    entrepot.cli.main()\n"
        "except SystemExit:\n"
        "    pass\n"
        "print('modules', *[name for name, module in sys.modules.items() if module is not None])"
    )
    # Who measures the coverage of this test is in such a process too, with imports of their own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("modules ")[2].split())


def test_help_imports_no_command() -> None:
    imported = _imported_by("--help")

    assert not {name for name in imported if name.startswith("entrepot.") and name != "entrepot.cli"}
    assert not imported & {"httpx", "msgspec", "rich", "asyncio"}


@pytest.mark.parametrize("command", ["push", "pull", "ls", "login", "token", "upstream", "delete"])
def test_a_client_command_imports_nothing_of_the_server(command: str) -> None:
    imported = _imported_by(command, "--help")

    allowed = ("entrepot.cli", "entrepot.client", "entrepot.model", "entrepot.settings")
    assert "httpx" in imported
    assert not {name for name in imported if name.startswith("entrepot.") and not name.startswith(allowed)}
    assert not imported & {"uvicorn", "uvloop", "sqlite3", "rich", "pygments", "structlog", "prometheus_client", "jwt"}


# --- how it fails ---


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["push"],
        ["push", "acme/pkg:1.0"],
        ["push", "missing-file", "acme/pkg:1.0"],
        ["push", ".", "pkg:1.0"],
        ["push", ".", "acme/pkg:1.0", "--annotation", "no-value"],
        ["push", ".", "acme/pkg:1.0", "--parallel", "0"],
        ["pull", "https://registry.example.com/acme/pkg:1.0"],
        ["ls", "--output", "yaml"],
        ["token", "create", "ci", "--role", "king"],
        ["token", "create", "ci", "--role", "reader", "--ttl", "soon"],
        ["token", "create", "ci", "--role", "reader", "--namespace", "a", "--namespace", "b"],
        ["namespace", "set", "acme"],
        ["namespace", "nonsense"],
        ["upstream", "add", "acme", "public", "https://r.example.com"],
        ["upstream", "add", "acme", "public", "https://r.example.com", "--format", "npm", "--user", "ci"],
        ["upstream", "add", "acme", "public", "https://r.example.com", "--format", "npm", "--cooldown", "soon"],
        ["upstream", "set", "acme", "public"],
        ["upstream", "set", "acme", "public", "--password-file", "-"],
        ["upstream", "set", "acme", "public", "--token-file", "missing"],
        ["upstream", "set", "acme", "public", "--token-file", "-", "--user", "ci"],
        ["whoami"],
        ["logout"],
        ["login", "registry.example.com"],
        ["check", "--data", "missing"],
        ["config", "check", "--config", "missing.toml"],
    ],
    ids=" ".join,
)
def test_misuse_is_told_in_two_lines_with_exit_code_2(run: Run, words: list[str]) -> None:
    done = run(*words)

    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert 1 <= len(done.stderr.splitlines()) <= 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_a_refusal_is_told_in_two_lines_with_exit_code_1(run: Run) -> None:
    say = Say.problem(404, "namespace-unknown", "There is no such namespace, or it is not for you to know: acme")
    with loopback(lambda _: say) as server:
        done = run("namespace", "show", "acme", url=server.url)

    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "error: There is no such namespace, or it is not for you to know: acme (request r-1)",
        "  See `entrepot ls` for those you may read; `entrepot namespace create` makes one.",
    ]


def test_a_file_that_cannot_be_written_is_told(run: Run, home: Path) -> None:
    (home / "into").write_bytes(b"")
    digest = f"sha256:{'a' * 64}"
    files = [{"path": "f", "digest": digest, "size": 1}]
    say = Say.json({"package": "pkg", "version": "1.0", "digest": digest, "files": files})
    with loopback(lambda _: say) as server:
        done = run("pull", "acme/generic/pkg:1.0", "--into", "into/sub", url=server.url)

    assert done.exit_code == 1
    assert "cannot be written" in done.stderr


def test_a_bug_of_ours_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("entrepot.cli.version.show_one", fails)

    assert isinstance(run("version").exception, ZeroDivisionError)


@pytest.mark.parametrize("variable", [{}, {"NO_COLOR": "1"}])
def test_colours_are_left_out_where_somebody_asks(run: Run, variable: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variable.items():
            environment.setenv(name, value)
        # `color` makes click believe that it writes to a terminal.
        done = run("version", color=True)

    assert ("\x1b[" in done.stdout) == (not variable)


def test_nothing_asks_where_nobody_can_answer(run: Run) -> None:
    digest = f"sha256:{'a' * 64}"
    done = run("delete", f"acme/oci/pkg@{digest}", url="http://localhost:1", input="y\n")

    assert done.exit_code == 2
    assert "--yes" in done.stderr


def test_the_version_is_told_in_both_forms(run: Run) -> None:
    assert json.loads(run("version", "-o", "json").stdout)["version"] in run("version").stdout


def test_the_command_is_installed() -> None:
    installed = Path(sys.executable).with_name("entrepot")

    done = subprocess.run(
        [installed, "--version"], capture_output=True, text=True, check=True, env={"PATH": os.defpath}
    )

    assert done.stdout.startswith("entrepot ")
