from __future__ import annotations

from pathlib import Path

from tests.cli.installation import Installation


def test_what_runs_is_recorded_listed_and_cannot_be_deleted(
    installation: Installation, namespace: str, dist: Path
) -> None:
    tool = f"{namespace}/tool:1.0"
    installation.must("push", dist / "bin", tool)
    where = ("--service", "payments", "--env", "prod", "--cluster", "eu-1")

    done = installation.must("deploy", "record", tool, *where, "--tag", "team=pay", "-o", "json").json

    assert (done["status"], done["version"], done["tags"]) == ("deployed", "1.0", {"team": "pay"})
    (listed,) = installation.must("deploy", "list", namespace, "--service", "payments", "-o", "json").json
    assert listed == done
    refused = installation.run("delete", tool, "--yes")
    assert refused.code == 1
    assert "deployed as payments in prod on eu-1 since" in refused.err
    assert installation.must("deploy", "list", namespace, "--env", "dev", "-o", "json").json == []
    ended = installation.must("deploy", "end", namespace, *where, "--digest", done["digest"]).out
    assert "payments runs no more in prod" in ended
    installation.must("namespace", "set", namespace, "--rollbacks", "0")
    installation.must("delete", tool, "--yes")
    (history,) = installation.must("deploy", "list", namespace, "--history", "-o", "json").json
    assert history["status"] == "decommissioned"


def test_leases_and_holds_are_taken_and_let_go(installation: Installation, namespace: str, dist: Path) -> None:
    tool = f"{namespace}/tool:1.0"
    installation.must("push", dist / "bin", tool)

    lease = installation.must("lease", "add", tool, "--ttl", "1h", "--reason", "build 123", "-o", "json").json
    hold = installation.must("hold", "add", tool, "--reason", "case 7", "--legal", "-o", "json").json

    assert (lease["kind"], hold["kind"]) == ("lease", "legal")
    renewed = installation.must("lease", "renew", lease["id"], "--ttl", "2h", "-o", "json").json
    assert installation.must("lease", "list", namespace, "-o", "json").json == [renewed]
    assert installation.must("hold", "list", namespace, "-o", "json").json == [hold]
    refused = installation.run("delete", tool, "--yes")
    assert "build 123" in refused.err
    assert "case 7" in refused.err
    installation.must("lease", "release", lease["id"])
    assert installation.run("hold", "remove", lease["id"]).code == 1
    installation.must("hold", "remove", hold["id"], "--reason", "closed")
    installation.must("delete", tool, "--yes")
    assert "closed" in installation.must("journal", "--namespace", namespace, "-o", "json").out
