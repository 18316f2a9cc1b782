"""``npm audit signatures`` believes what is installed through us from another registry that signs: a second Entrepot."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.clients.node import Client, log_in
from tests.clients.programs import Shell
from tests.clients.python_packages import run_entrepot
from tests.clients.server import serve

pytestmark = pytest.mark.clients

PRELOAD = Path(__file__).with_name("npm_without_network.js")


def test_npm_verifies_the_upstream_s_signatures_also_when_it_is_gone(shell: Shell, tmp_path: Path) -> None:
    offline = {"NODE_OPTIONS": f"--require={PRELOAD}"}
    publisher = Client(Shell(tmp_path / "publisher"), "npm11")
    publisher.shell.home.mkdir()
    consumer = Client(shell, "npm11", offline)
    password = tmp_path / "password"
    with serve(tmp_path / "front", "acme") as front:
        assert front.administrator is not None
        with serve(tmp_path / "behind", "lib") as behind:
            log_in(publisher.shell, behind, behind.maintainer, view="lib")
            publisher.run("publish", folder=publisher.project("signed"))
            password.write_text(behind.reader.password)
            said = ("--format", "npm", "--private", "--user", "front", "--password-file", str(password))
            address = f"{behind.url}/npm/lib"
            run_entrepot(shell, front, front.administrator.password, "upstream", "add", "acme", "other", address, *said)
            log_in(shell, front, front.reader)
            folder = consumer.consumer(signed="*")
            consumer.run("install", folder=folder)
            audited = consumer.run("audit", "signatures", folder=folder)
            theirs = httpx.get(f"{behind.url}/npm/lib/-/npm/v1/keys").json()["keys"][0]["keyid"]
        again = json.loads(consumer.run("audit", "signatures", "--json", folder=folder))
        packument = httpx.get(f"{front.url}/npm/acme/signed", auth=("any", front.reader.password)).json()

    assert "1 package has a verified registry signature" in audited
    assert again == {"invalid": [], "missing": []}
    assert [each["keyid"] for each in packument["versions"]["1.0.0"]["dist"]["signatures"]] == [theirs]
