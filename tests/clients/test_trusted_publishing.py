"""Publishing from a CI job without a secret, with the tools themselves: an issuer on loopback stands for the CI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from entrepot.testing.identity import IssuerServer, github_claims, gitlab_claims, serve_issuer
from tests.clients.node import Client, npmrc, registry_of
from tests.clients.programs import Done, Shell, program
from tests.clients.python_packages import Place, module_wheel, write
from tests.clients.server import Registry, serve
from tests.clients.tls import Secured, secured

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("trusted publishing")]  # one server for all of them

AUDIENCE = "entrepot"
_RUST = "/cargo/acme/api/v1/trusted_publishing/tokens"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"


@dataclass(frozen=True, slots=True)
class Ci:
    """A CI system, and a registry that believes it."""

    registry: Registry
    admin: httpx.Client
    github: IssuerServer
    gitlab: IssuerServer

    def trust(self, name: str, *packages: str, provider: str = "github", **rules: str) -> None:
        """Let jobs of ``acme/<name>`` publish packages."""
        repository = "repository" if provider == "github" else "project_path"
        body = {
            "name": name,
            "issuer": provider,
            "rules": {repository: f"acme/{name}", "workflow_file": f"{name}.yml", **rules},
            "packages": list(packages),
        }
        self.admin.post("/api/v1/namespaces/acme/publishers", json=body).raise_for_status()

    def github_token(self, name: str, audience: str = AUDIENCE, **claims: Any) -> str:
        """What GitHub gives a job of ``acme/<name>``."""
        said = github_claims(f"acme/{name}", f"{name}.yml", **claims)
        return self.github.signer.sign(self.github.signer.claims(datetime.now(UTC), audience, **said))

    def gitlab_token(self, name: str, audience: str = AUDIENCE) -> str:
        """What GitLab gives a job of ``acme/<name>``."""
        said = gitlab_claims(f"acme/{name}", f"{name}.yml")
        return self.gitlab.signer.sign(self.gitlab.signer.claims(datetime.now(UTC), audience, **said))

    def github_job(self, name: str) -> dict[str, str]:
        """The environment of a job that may ask for identity tokens."""
        self.github.make_token = lambda audience: self.github_token(name, audience)
        return {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.github.signer.url}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "the-runners-own",
        }

    def published_by(self, package: str) -> set[str]:
        """Whom the journal names for what happened to a package."""
        found = self.admin.get("/api/v1/journal", params={"namespace": "acme", "limit": "1000"}).raise_for_status()
        actors = {entry["actor"] for entry in found.json()["items"] if entry["data"].get("package") == package}
        # What follows from a publication is done by the registry itself.
        return {actor for actor in actors if not actor.startswith("follower:")}


@pytest.fixture(scope="module")
def ci(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ci]:
    home = tmp_path_factory.mktemp("federation")
    with (
        serve_issuer() as github,
        serve_issuer() as gitlab,
        serve(home, "acme", settings={"ENTREPOT_WORKERS": "2"}, followers=True) as registry,
        httpx.Client(base_url=registry.url, timeout=60, trust_env=False) as admin,
    ):
        admin.headers["authorization"] = f"Bearer {(home / 'data' / 'admin-token').read_text().strip()}"
        for provider, issuer in (("github", github), ("gitlab", gitlab)):
            body = {
                "name": provider,
                "provider": provider,
                "url": issuer.signer.url,
                "audiences": [AUDIENCE, "npm:localhost"],
                "algorithms": ["ES256"],
                "private": True,
            }
            admin.post("/api/v1/federation/issuers", json=body).raise_for_status()
        yield Ci(registry, admin, github, gitlab)


@pytest.fixture
def way(ci: Ci, shell: Shell) -> Iterator[Secured]:
    """Python's tools ask for tokens over TLS alone."""
    with secured(ci.registry.host, shell, program("openssl"), authority=False) as found:
        yield found


_MINT = """
import sys
from twine.auth import CredentialInput, Resolver
print(Resolver({"repository": sys.argv[1]}, CredentialInput("__token__")).make_trusted_publishing_token())
"""


def mint_with_twine(ci: Ci, shell: Shell, way: Secured, job: str) -> Done:
    """Have twine get a token as it does by itself at one registry alone, whose name is built in."""
    python = Path(program("twine")).resolve().parent / "python"
    environment = {**ci.github_job(job), "REQUESTS_CA_BUNDLE": str(way.certificate)}
    return shell.attempt(python, "-c", _MINT, f"{way.url}/pypi/acme/legacy/", environment=environment)


def test_twine_publishes_from_a_github_job(ci: Ci, shell: Shell, way: Secured, tmp_path: Path) -> None:
    ci.trust("by-twine", "by-twine")
    files = write(tmp_path / "dist", module_wheel("by-twine", "1.0", b"x = 1\n"))

    minted = mint_with_twine(ci, shell, way, "by-twine")
    shell.run(
        *(program("twine"), "upload", "--non-interactive", "--disable-progress-bar"),
        *("--repository-url", Place(ci.registry, "acme").legacy, *files),
        environment={"TWINE_USERNAME": "__token__", "TWINE_PASSWORD": minted.output.strip()},
    )

    assert ci.published_by("pypi/by-twine") == {"publisher:acme/by-twine"}


def test_twine_says_why_a_job_is_not_believed(ci: Ci, shell: Shell, way: Secured) -> None:
    done = mint_with_twine(ci, shell, way, "stranger")

    assert done.code == 1
    assert "`no-trusted-publisher`: No trusted publisher matches the identity token." in done.said


def test_uv_publishes_from_a_github_job(ci: Ci, shell: Shell, way: Secured, tmp_path: Path) -> None:
    uv = program("uv")
    ci.trust("by-uv", "by-uv")
    files = write(tmp_path / "dist", module_wheel("by-uv", "1.0", b"x = 1\n"))

    shell.run(
        *(uv, "--no-config", "--no-cache", "publish", "--trusted-publishing", "always"),
        *("--publish-url", f"{way.url}/pypi/acme/legacy/", *files),
        environment={**ci.github_job("by-uv"), "SSL_CERT_FILE": str(way.certificate)},
    )

    assert ci.published_by("pypi/by-uv") == {"publisher:acme/by-uv"}
    place = Place(ci.registry, "acme")
    reader = ci.registry.reader
    page = httpx.get(f"{place.simple}by-uv/", auth=(reader.user, reader.password), trust_env=False)
    assert "by_uv-1.0" in page.text


def test_uv_publishes_from_a_gitlab_job(ci: Ci, shell: Shell, way: Secured, tmp_path: Path) -> None:
    uv = program("uv")
    ci.trust("by-gitlab", "by-gitlab", provider="gitlab")
    files = write(tmp_path / "dist", module_wheel("by-gitlab", "1.0", b"x = 1\n"))

    shell.run(
        *(uv, "--no-config", "--no-cache", "publish", "--trusted-publishing", "always"),
        *("--publish-url", f"{way.url}/pypi/acme/legacy/", *files),
        environment={
            "CI": "true",
            "GITLAB_CI": "true",
            "ENTREPOT_ID_TOKEN": ci.gitlab_token("by-gitlab"),
            "SSL_CERT_FILE": str(way.certificate),
        },
    )

    assert ci.published_by("pypi/by-gitlab") == {"publisher:acme/by-gitlab"}


def test_npm_publishes_from_a_gitlab_job(ci: Ci, shell: Shell) -> None:
    program("npm11")
    ci.trust("by-npm", "@acme/by-npm", provider="gitlab")
    (shell.home / ".npmrc").write_text(npmrc(registry_of(ci.registry), None))
    job = {"CI": "true", "GITLAB_CI": "true", "NPM_ID_TOKEN": ci.gitlab_token("by-npm", "npm:localhost")}
    npm = Client(shell, "npm11", job)

    npm.run("publish", "--provenance=false", folder=npm.project("@acme/by-npm"))

    assert ci.published_by("npm/@acme/by-npm") == {"publisher:acme/by-npm"}


def test_npm_publishes_from_a_github_job(ci: Ci, shell: Shell) -> None:
    program("npm11")
    ci.trust("npm-github", "@acme/npm-github")
    (shell.home / ".npmrc").write_text(npmrc(registry_of(ci.registry), None))
    npm = Client(shell, "npm11", ci.github_job("npm-github"))

    npm.run("publish", "--provenance=false", folder=npm.project("@acme/npm-github"))

    assert ci.published_by("npm/@acme/npm-github") == {"publisher:acme/npm-github"}


def test_npm_cannot_publish_another_package(ci: Ci, shell: Shell) -> None:
    program("npm11")
    ci.trust("npm-other", "@acme/npm-other")
    (shell.home / ".npmrc").write_text(npmrc(registry_of(ci.registry), None))
    npm = Client(shell, "npm11", ci.github_job("npm-other"))

    done = npm.refuse("publish", "--provenance=false", folder=npm.project("@acme/not-mine"))

    assert "ENEEDAUTH" in done.said


def test_a_token_is_a_token_for_docker_and_cargo_too(ci: Ci) -> None:
    ci.trust("image", "team/image")
    form = {
        "grant_type": _EXCHANGE,
        "subject_token_type": _ID_TOKEN,
        "subject_token": ci.github_token("image"),
        "audience": "acme/image",
    }
    with httpx.Client(base_url=ci.registry.url, trust_env=False) as client:
        exchanged = client.post("/oauth2/token", data=form).raise_for_status().json()
        logged_in = client.get(
            "/token",
            params={"service": "entrepot", "scope": "repository:acme/team/image:push,pull"},
            auth=("ci", exchanged["access_token"]),
        ).raise_for_status()
        upload = client.post(
            "/v2/acme/team/image/blobs/uploads/",
            headers={"authorization": f"Bearer {logged_in.json()['token']}"},
        )
        rust = client.put(_RUST, json={"jwt": ci.github_token("image")}).raise_for_status().json()["token"]
        given_back = client.delete(_RUST, headers={"authorization": f"Bearer {rust}"})
        afterwards = client.get("/api/v1/whoami", headers={"authorization": f"Bearer {rust}"})

    assert exchanged["expires_in"] == 900
    assert upload.status_code == 202
    assert given_back.status_code == 204
    assert afterwards.status_code == 401


def test_of_all_who_trade_one_token_at_once_with_two_workers_one_gets_it(ci: Ci) -> None:
    ci.trust("race", "race")
    form = {"grant_type": _EXCHANGE, "subject_token_type": _ID_TOKEN, "subject_token": ci.github_token("race")}

    def ask(_: int) -> tuple[int, str]:
        # A connection each, so that both workers are asked.
        answer = httpx.post(f"{ci.registry.url}/oauth2/token", data=form, timeout=60, trust_env=False)
        return answer.status_code, json.loads(answer.content).get("reason", "")

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(16)))

    assert sorted(found) == [(200, ""), *[(400, "already-used")] * 15]
