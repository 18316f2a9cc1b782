"""``entrepot setup``: what it prints can be typed as it stands."""

from __future__ import annotations

import re
import subprocess

import httpx
import pytest

from entrepot.cli.setup import _CLIENTS
from tests.cli.installation import Installation


@pytest.mark.parametrize("client", sorted(_CLIENTS))
def test_every_client_gets_its_page_with_nothing_left_to_fill_in(
    installation: Installation, namespace: str, client: str
) -> None:
    said = installation.must("setup", client, namespace, "--package", "tool", "-o", "json").json

    assert said["token"]["token"] in said["text"]
    assert namespace in said["text"]
    assert installation.url.partition("://")[2] in said["text"]
    assert re.search(r"\$TOKEN|\{(url|host|view|package)\}", said["text"]) is None


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
