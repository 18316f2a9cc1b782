"""Trusted publishers as an administrator has them: commands, a server, and an issuer that it asks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from entrepot.testing.identity import github_claims, serve_issuer
from tests.cli.installation import Installation


def test_a_publisher_is_added_previewed_and_removed(installation: Installation, namespace: str, tmp_path: Path) -> None:
    with serve_issuer() as issuer:
        believed = installation.must(
            *("federation", "issuer", "add", "forge", issuer.signer.url, "--provider", "github", "--private"),
            *("--audience", "entrepot", "--algorithm", "ES256", "--max-lifetime", "10m", "-o", "json"),
        ).json
        added = installation.must(
            *("federation", "publisher", "add", namespace, "release", "--issuer", "forge", "--repository", "acme/app"),
            *("--workflow", "release.yml", "--claim", "runner_environment=self-hosted", "--package", "app"),
            *("--lifetime", "5m", "-o", "json"),
        ).json
        installation.must(
            *("federation", "publisher", "add", namespace, "other", "--issuer", "forge", "--repository", "acme/other"),
            *("--workflow", "release.yml", "--ref", "refs/tags/v*"),
        )
        token = issuer.signer.sign(issuer.signer.claims(datetime.now(UTC), "entrepot", **github_claims()))
        file = tmp_path / "token"
        file.write_text(f"{token}\n")
        previewed = installation.must("federation", "publisher", "preview", namespace, "--token-file", str(file))
        file.write_text(f"{token[:-4]}AAAA\n")
        forged = installation.run("federation", "publisher", "preview", namespace, "--token-file", str(file))
        listed = installation.must("federation", "publisher", "list", namespace)
        unsure = installation.run("federation", "issuer", "remove", "forge")
        gone = installation.must("federation", "issuer", "remove", "forge", "--yes")

    assert (believed["has_keys"], believed["max_lifetime_seconds"]) == (False, 600)
    assert added["principal"] == f"publisher:{namespace}/release"
    assert added["rules"] == {
        "repository": "acme/app",
        "runner_environment": "self-hosted",
        "workflow_file": "release.yml",
    }
    assert "release matches" in previewed.out
    assert "other does not match" in previewed.out
    assert "ref is refs/heads/main, and must be refs/tags/v*" in previewed.out
    assert token not in previewed.out + previewed.err
    assert forged.code == 1
    assert "wrong-signature" in forged.out or "malformed-token" in forged.out
    assert "release" not in forged.out
    assert "pending" in listed.out
    assert unsure.code == 2
    assert gone.out == f"forge is not believed any more, nor {namespace}/other nor {namespace}/release\n"


def test_an_air_gapped_registry_is_given_the_keys(installation: Installation, namespace: str, tmp_path: Path) -> None:
    with serve_issuer() as issuer:
        keys = tmp_path / "keys.json"
        keys.write_text(issuer.signer.jwks)
        url = "https://gitlab.example.com"
        installation.must(
            *("federation", "issuer", "add", "inside", url, "--provider", "gitlab", "--algorithm", "ES256"),
            *("--keys", str(keys)),
        )
        listed = installation.must("federation", "issuer", "list", "-o", "json").json
        installation.must(
            *("federation", "publisher", "add", namespace, "release", "--issuer", "inside", "--project", "acme/app"),
            *("--workflow", ".gitlab-ci.yml", "--environment", "production"),
        )
        installation.must("federation", "publisher", "remove", namespace, "release", "--yes")
        left = installation.must("federation", "publisher", "list", namespace, "-o", "json").json
        installation.must("federation", "issuer", "remove", "inside", "--yes")

    assert [(each["url"], each["has_keys"]) for each in listed if each["name"] == "inside"] == [(url, True)]
    assert left == []
    assert issuer.asked == []


def test_what_is_wrong_is_said(installation: Installation, namespace: str, tmp_path: Path) -> None:
    nonsense = tmp_path / "keys.json"
    nonsense.write_text(json.dumps(["keys"]))
    add = ("federation", "issuer", "add", "wrong", "https://issuer.example.com")

    no_keys = installation.run(*add, "--keys", str(nonsense))
    unknown = installation.run(
        "federation", "publisher", "add", namespace, "release", "--issuer", "nobody", "--claim", "sub=x"
    )
    twice = installation.run(
        *("federation", "publisher", "add", namespace, "release", "--issuer", "x", "--ref", "a", "--claim", "ref=b")
    )
    reachless = installation.run("federation", "issuer", "add", "wrong", "http://127.0.0.1:1", "--audience", "x")

    assert (no_keys.code, "no key set" in no_keys.err) == (2, True)
    assert (unknown.code, "no such issuer" in unknown.err) == (1, True)
    assert (twice.code, "--claim" in twice.err) == (2, True)
    assert (reachless.code, "https" in reachless.err) == (1, True)
