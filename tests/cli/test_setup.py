"""``entrepot setup``: what it prints can be typed as it stands."""

from __future__ import annotations

import re
import subprocess
from importlib.resources import files

import httpx
import pytest

from entrepot.cli.setup import _CLIENTS, _page
from tests.cli.installation import Installation

_CHANNEL = "prod"


def tokens(installation: Installation) -> int:
    """How many the administrator has made."""
    return len(installation.must("token", "list", "-o", "json").json)


@pytest.mark.parametrize("client", sorted(_CLIENTS))
def test_every_client_gets_its_page_with_nothing_left_to_fill_in(
    installation: Installation, namespace: str, client: str
) -> None:
    said = installation.must("setup", client, namespace, "--package", "tool", "--publish", "-o", "json").json

    assert said["token"]["token"] in said["text"]
    assert namespace in said["text"]
    assert installation.url.partition("://")[2] in said["text"]
    assert (
        re.search(r"\$TOKEN|\{[a-z]+\??|<!--|\n\n\n", said["text"].replace("maven {", "").replace("{ from", "")) is None
    )


@pytest.mark.parametrize("format_", sorted(set(_CLIENTS.values())))
def test_a_page_asks_for_no_fact_that_there_never_is(format_: str) -> None:
    page = files("entrepot.formats").joinpath(format_, "setup.md").read_text(encoding="utf-8")
    known = {*_CLIENTS, "http", "https", "public", "private", "publish", "read", "whole", "channel"}

    asked = {fact for facts in re.findall(r"<!-- when (.+) -->", page) for fact in re.split(r"; | or ", facts)}
    asked |= set(re.findall(r"\{([a-z]+)\?", page))

    assert asked <= known
    assert page.count("<!-- when ") == page.count("<!-- end -->")


@pytest.mark.parametrize("client", sorted(set(_CLIENTS) - {"twine"}))
def test_a_page_for_who_reads_has_no_command_that_would_be_refused(client: str) -> None:
    publishing = re.compile(
        r"^    .*(publish|push|upload|-T |--data-binary|distributionManagement|oci:\S+ docker:)", re.MULTILINE
    )

    pages = {
        role: _page(client, {client, "http", "private", role, "whole"}, {"{client}": client, "{view}": "acme"})
        for role in ("read", "publish")
    }

    assert publishing.search(pages["read"]) is None
    assert f"`entrepot setup {client} acme --publish`" in pages["read"]
    assert publishing.search(pages["publish"]) or "mvn deploy" in pages["publish"]


def test_twine_is_set_up_to_publish_or_not_at_all(installation: Installation, namespace: str) -> None:
    before = tokens(installation)

    done = installation.run("setup", "twine", namespace)

    assert (done.code, tokens(installation)) == (2, before)
    assert "add --publish" in done.err


def test_nobody_gets_a_token_to_publish_through_a_channels_view(installation: Installation, namespace: str) -> None:
    before = tokens(installation)

    done = installation.run("setup", "pip", f"{namespace}.{_CHANNEL}", "--publish")

    assert (done.code, done.out, tokens(installation)) == (2, "", before)
    assert f"publish to {namespace}" in done.err


def test_a_channel_that_there_is_not_is_refused_with_those_that_there_are(
    installation: Installation, namespace: str
) -> None:
    before = tokens(installation)

    done = installation.run("setup", "pip", f"{namespace}.nochan")

    assert (done.code, done.out, tokens(installation)) == (1, "", before)
    assert f"{namespace} has no channel nochan" in done.err
    assert _CHANNEL in done.err.splitlines()[1]


@pytest.mark.parametrize("client", ["pip", "cargo", "docker"])
def test_the_page_of_a_channels_view_says_so(installation: Installation, namespace: str, client: str) -> None:
    said = installation.must("setup", client, f"{namespace}.{_CHANNEL}").out

    assert f"{_CHANNEL}.{_CHANNEL}" not in said
    assert "--publish" not in said
    assert said.endswith("This is the view of a channel: it shows what was cleared for it, and cannot be written.\n")


def test_a_channels_view_has_a_name_that_toml_takes_for_one(installation: Installation, namespace: str) -> None:
    said = installation.must("setup", "cargo", f"{namespace}.{_CHANNEL}").out

    assert f"[registries.{namespace}-{_CHANNEL}]" in said
    assert f"/cargo/{namespace}.{_CHANNEL}/" in said


@pytest.mark.parametrize("client", ["docker", "podman", "skopeo", "crane", "oras"])
def test_a_client_gets_its_own_commands(installation: Installation, namespace: str, client: str) -> None:
    said = installation.must("setup", client, namespace, "--publish").out
    commands = [line.strip().rpartition("| ")[2] for line in said.splitlines() if line.startswith("    ")]

    assert len(commands) >= 3
    assert {command.split()[0] for command in commands} == {client}


def test_maven_is_also_called_by_its_command(installation: Installation, namespace: str) -> None:
    pages = [
        re.sub(r"ent_\w+", "TOKEN", installation.must("setup", each, namespace).out).replace(f"setup {each}", "setup")
        for each in ("maven", "mvn")
    ]

    assert pages[0] == pages[1]
    assert "settings.xml" in pages[0]


def test_gradle_gets_a_build_in_its_own_language(installation: Installation, namespace: str) -> None:
    said = installation.must("setup", "gradle", namespace, "--publish").out

    assert "<" not in said
    assert "allowInsecureProtocol = true" in said
    assert "maven-publish" in said


@pytest.mark.parametrize("client", ["podman", "skopeo", "crane", "oras", "helm", "pip", "yarn", "gradle", "maven"])
def test_a_registry_with_tls_needs_no_word_about_its_absence(client: str) -> None:
    insecure = re.compile(r"plain.http|insecure|tls-verify|trusted-host|unsafe", re.IGNORECASE)

    texts = {
        scheme: _page(client, {client, scheme, "publish", "private", "whole"}, {"{hostname}": "localhost"})
        for scheme in ("http", "https")
    }

    assert insecure.search(texts["http"])
    assert insecure.search(texts["https"]) is None


def test_go_is_told_whether_it_can_read_without_tls(installation: Installation, namespace: str) -> None:
    private = installation.must("setup", "go", namespace).out
    installation.must("namespace", "set", namespace, "--public")
    public = installation.must("setup", "go", namespace).out

    assert "is private: `go get` works once this registry has HTTPS" in private
    assert "it needs none here" in public


def test_the_commands_for_files_work_as_they_are_printed(
    installation: Installation, namespace: str, tmp_path: object
) -> None:
    said = installation.must("setup", "curl", namespace, "--package", "tool", "--publish").out
    put, get = (line.strip() for line in said.splitlines() if line.strip().startswith("curl"))

    for command in ("echo content > tool.tar.gz", put, "rm tool.tar.gz", get):
        subprocess.run(command, shell=True, check=True, cwd=str(tmp_path), capture_output=True)  # noqa: S602 (as a user types it)

    done = subprocess.run(["cat", "tool.tar.gz"], cwd=str(tmp_path), capture_output=True, text=True, check=True)
    assert done.stdout == "content\n"


def test_a_token_reads_unless_it_was_to_publish(installation: Installation, namespace: str) -> None:
    for more, expected in (((), 403), (("--publish",), 201)):
        token = installation.must("setup", "curl", namespace, *more, "-o", "json").json["token"]["token"]

        answer = httpx.put(
            f"{installation.url}/files/{namespace}/tool/1.{expected}/a", content=b"x", auth=("me", token)
        )

        assert answer.status_code == expected


def test_a_client_that_nobody_knows_is_misuse(installation: Installation, namespace: str) -> None:
    done = installation.run("setup", "telnet", namespace)

    assert done.code == 2
    assert "docker" in done.err
