"""Signing, verifying, and whom to believe, as people type it: commands, and a server with its followers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from entrepot.testing.sigstore import Sigstore
from entrepot.trust.signing import LocalKey
from tests.cli.installation import Installation

REVIEWED = "https://example.com/reviewed/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
COMMIT = 40 * "c"


@pytest.fixture
def key(tmp_path: Path) -> LocalKey:
    """A key pair of our own, in key.pem and key.pub."""
    made = LocalKey.generate()
    (tmp_path / "key.pem").write_bytes(made.to_pem())
    (tmp_path / "key.pub").write_text(made.public_key.pem)
    return made


@pytest.fixture
def version(installation: Installation, namespace: str, tmp_path: Path) -> str:
    """A version with one file."""
    (tmp_path / "tool").write_bytes(b"#!/bin/sh\n")
    installation.must("push", str(tmp_path / "tool"), f"{namespace}/tool:1.0.0")
    return f"{namespace}/tool:1.0.0"


def believe(installation: Installation, namespace: str, tmp_path: Path, *more: str) -> None:
    installation.must("signer", "add", namespace, "ci", "--key", str(tmp_path / "key.pub"), *more)


def test_what_is_signed_with_a_known_key_is_verified(
    installation: Installation, namespace: str, version: str, key: LocalKey, tmp_path: Path
) -> None:
    before = installation.run("verify", version)
    believe(installation, namespace, tmp_path)

    installation.must("sign", version, "--key", str(tmp_path / "key.pem"))
    after = installation.must("verify", version)
    (found,) = installation.must("verify", version, "-o", "json").json["attestations"]

    assert (before.code, "nothing is said" in before.out) == (1, True)
    assert "ci" in after.out
    assert found["verifications"][0]["key"] == key.public_key.fingerprint


@pytest.mark.usefixtures("key")
def test_what_is_signed_with_an_unknown_key_is_not(installation: Installation, version: str, tmp_path: Path) -> None:
    installation.must("sign", version, "--key", str(tmp_path / "key.pem"))

    found = installation.run("verify", version)

    assert found.code == 1
    assert "none of the keys that are trusted here" in found.out


@pytest.mark.usefixtures("key")
def test_a_signer_that_comes_later_is_believed_about_what_was_signed(
    installation: Installation, namespace: str, version: str, tmp_path: Path
) -> None:
    installation.must("sign", version, "--key", str(tmp_path / "key.pem"))
    assert installation.run("verify", version).code == 1

    believe(installation, namespace, tmp_path)

    assert "yes" in installation.must("verify", version).out


@pytest.mark.usefixtures("key")
def test_a_file_of_a_version_is_signed_by_its_digest(
    installation: Installation, namespace: str, version: str, tmp_path: Path
) -> None:
    believe(installation, namespace, tmp_path)
    (file,) = installation.must("ls", version, "-o", "json").json
    installation.must("sign", f"{namespace}/generic/tool@{file['digest']}", "--key", str(tmp_path / "key.pem"))

    (found,) = installation.must("verify", version, "-o", "json").json["attestations"]

    assert (found["subject"], found["verified"]) == (file["digest"], True)


def test_the_registry_signs_for_who_governs(installation: Installation, version: str, tmp_path: Path) -> None:
    (tmp_path / "reviewed.json").write_text(json.dumps({"by": "ada"}))

    installation.must("attest", version, str(tmp_path / "reviewed.json"), "--type", REVIEWED)
    found = installation.must("verify", version, "--type", REVIEWED)
    pem = installation.must("signer", "key").out

    assert "entrepot-" in found.out
    assert pem.startswith("-----BEGIN PUBLIC KEY-----")
    assert installation.run("verify", version, "--type", "signature").code == 1


def test_an_attached_file_refers_to_the_artifact(installation: Installation, version: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("notes")

    digest = installation.must(
        *("attach", version, str(tmp_path / "notes.txt"), "--artifact-type", "application/vnd.example.notes"),
        *("--annotation", "by=ada", "-o", "json"),
    ).json["digest"]

    shown = installation.must("inspect", version, "-o", "json").json
    assert digest in [each["digest"] for each in shown["referrers"]]


@pytest.mark.usefixtures("key")
def test_revoking_says_what_it_takes_and_counts_at_once(
    installation: Installation, namespace: str, version: str, tmp_path: Path
) -> None:
    believe(installation, namespace, tmp_path)
    installation.must("sign", version, "--key", str(tmp_path / "key.pem"))
    installation.must("verify", version)
    installation.must("clearance", "open", version, "prod")

    revoked = installation.must("signer", "revoke", namespace, "ci", "--entirely", "--reason", "lost laptop")

    assert "Nobody vouches any more for" in revoked.out
    assert f"{namespace}/generic/tool  1.0.0" in revoked.out
    assert "prod" in revoked.out
    # What the registry itself has signed of the clearance, perhaps by now, is nobody's word for the version.
    found = installation.run("verify", version)
    assert (found.code, "is compromised" in found.out) == (1, True)


def test_what_the_registry_says_itself_counts_for_who_asks_for_it(installation: Installation, version: str) -> None:
    installation.must("sign", version)

    found = installation.run("verify", version)
    (said,) = installation.run("verify", version, "-o", "json").json["attestations"]

    assert (found.code, "yes" in found.out) == (1, True)
    installation.must("verify", version, "--signer", said["verifications"][0]["signer"])


@pytest.mark.usefixtures("key")
def test_a_retired_key_leaves_what_it_signed_before(
    installation: Installation, namespace: str, version: str, tmp_path: Path
) -> None:
    believe(installation, namespace, tmp_path)
    installation.must("sign", version, "--key", str(tmp_path / "key.pem"))
    installation.must("verify", version)

    installation.must("signer", "retire", namespace, "ci")

    assert "yes" in installation.must("verify", version).out
    assert "retired" in installation.must("signer", "list", namespace).out
    assert "1.0.0" in installation.must("signer", "affected", namespace, "ci").out
    installation.must("signer", "activate", namespace, "ci")


@pytest.mark.usefixtures("key")
def test_provenance_is_asked_from_every_side(
    installation: Installation, namespace: str, version: str, tmp_path: Path
) -> None:
    source = {"uri": "git+https://git.example.com/acme/tool@refs/heads/main", "digest": {"gitCommit": COMMIT}}
    predicate = {
        "buildDefinition": {
            "buildType": "https://build.example.com/type",
            "externalParameters": {"source": source},
            "resolvedDependencies": [source],
        },
        "runDetails": {
            "builder": {"id": "https://build.example.com"},
            "metadata": {"invocationId": f"https://ci.example.com/{namespace}/7"},
        },
    }
    (tmp_path / "provenance.json").write_text(json.dumps(predicate))
    believe(installation, namespace, tmp_path, "--builder", "https://build.example.com=2")
    refused = installation.run("attest", version, str(tmp_path / "provenance.json"), "--type", PROVENANCE)
    signed = (version, str(tmp_path / "provenance.json"), "--type", PROVENANCE, "--key", str(tmp_path / "key.pem"))
    installation.must("attest", *signed)
    installation.must("verify", version)

    def ask(*words: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = installation.must("provenance", *words, "-o", "json").json
        return found

    here = ("--namespace", namespace)
    for words in (
        ("from-commit", COMMIT[:9]),
        ("from-repository", "https://git.example.com/acme/tool"),
        ("of-build", f"https://ci.example.com/{namespace}/7"),
        ("by-builder", "https://build.example.com"),
        ("using", f"gitCommit:{COMMIT}"),
    ):
        (built,) = ask(*words, *here)
        assert (built["package"], built["references"], built["verified_by"], built["level"]) == (
            "tool",
            ["1.0.0"],
            ["ci"],
            2,
        ), words
    (origin,) = ask("into", version)
    assert (origin["depth"], origin["digest"]) == (0, f"gitCommit:{COMMIT}")
    assert COMMIT in installation.must("provenance", "show", version).out
    assert "100%" in installation.must("provenance", "completeness", namespace).out
    assert "does not sign" in refused.err


def test_a_sigstore_instance_is_trusted_and_its_identities_believed(
    installation: Installation, namespace: str, tmp_path: Path
) -> None:
    (tmp_path / "root.json").write_bytes(Sigstore().trusted_root)
    identity = ("--root", "own", "--issuer", "https://id.example.com", "--subject", "https://git.example.com/acme/**")
    early = installation.run("signer", "add", namespace, "ci", *identity)
    installation.must("trusted-root", "set", namespace, "own", str(tmp_path / "root.json"))

    installation.must("signer", "add", namespace, "ci", *identity, "--pending")

    assert early.code == 1
    assert "pending" in installation.must("signer", "list", namespace).out
    assert "own" in installation.must("trusted-root", "list", namespace).out
    installation.must("trusted-root", "remove", namespace, "own")
    assert "own" not in installation.must("trusted-root", "list", namespace).out


@pytest.mark.parametrize(
    "words",
    [
        ("signer", "add", "{}", "ci", "--key", "nowhere.pem"),
        ("signer", "add", "{}", "ci"),
        ("signer", "add", "{}", "ci", "--builder", "nothing"),
        ("signer", "revoke", "{}", "ci", "--since", "yesterday"),
        ("signer", "revoke", "{}", "nobody"),
        ("attach", "{}/tool:1.0.0", "nowhere.txt"),
        ("sign", "{}/tool:1.0.0", "--key", "nowhere.pem"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(installation: Installation, namespace: str, words: tuple[str, ...]) -> None:
    refused = installation.run(*(word.format(namespace) for word in words))

    assert refused.code in (1, 2)
    assert refused.err.startswith("error: ")
    assert "Traceback" not in refused.err
