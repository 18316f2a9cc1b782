from __future__ import annotations

from pathlib import Path

from tests.cli.installation import Installation


def test_a_version_is_planned_promoted_explained_and_taken_out(
    installation: Installation, namespace: str, dist: Path
) -> None:
    tool, through = f"{namespace}/tool:1.0", f"{namespace}.prod/tool:1.0"
    installation.must("push", dist / "bin", tool)

    plan = installation.must("promote", tool, "--to", "prod", "--plan")
    done = installation.must("promote", tool, "--to", "prod", "--reason", "release", "-o", "json").json

    assert "✓ not-yanked" in plan.out
    assert done["state"] == "applied"
    installation.must("pull", through, "--into", dist.parent / "pulled")
    told = installation.must("why", tool).out
    assert f"{namespace}.prod: yes" in told
    assert "prod: applied by" in told
    installation.must("unpromote", tool, "--from", "prod", "--reason", "it crashes")
    assert installation.run("pull", through, "--into", dist.parent / "again").code == 1
    assert "applied" in installation.must("promotions", namespace).out


def test_a_policy_is_tried_set_replayed_and_turned_off(installation: Installation, namespace: str, dist: Path) -> None:
    tool = f"{namespace}/tool:1.0"
    installation.must("push", dist / "bin", tool)
    installation.must("promote", tool, "--to", "staging")
    asked = ("--condition", "size > 1000", "--message", "'only ' + string(size) + ' bytes'")

    tried = installation.run("policy", "test", tool, "--to", "prod", "--name", "large", *asked)
    replayed = installation.must("policy", "replay", namespace, "large", *asked, "-o", "json").json
    installation.must("policy", "set", namespace, "large", *asked)
    refused = installation.run("promote", tool, "--to", "prod")

    assert tried.code == 1
    assert "✗ large: only" in tried.out
    assert [each["allowed"] for each in replayed] == [False]
    assert refused.code == 1
    assert "large: only" in refused.err
    installation.must("policy", "set", namespace, "large", "--mode", "off")
    modes = {each["name"]: each["mode"] for each in installation.must("policy", "list", namespace, "-o", "json").json}
    assert modes["large"] == "off"
    installation.must("promote", tool, "--to", "prod")
    installation.must("policy", "remove", namespace, "large")
    wrong = installation.run("policy", "set", namespace, "wrong", "--condition", "sise > 1")
    assert "undeclared reference to 'sise'" in wrong.err
    assert "findings.critical" in installation.must("policy", "facts").out


def test_a_channel_asks_for_approvals(installation: Installation, namespace: str, dist: Path) -> None:
    tool = f"{namespace}/tool:1.0"
    installation.must("push", dist / "bin", tool)
    installation.must("channel", "rules", namespace, "prod", "--approvals", "1", "--soak", "0s")
    token = installation.must(
        "token", "create", f"ann-{namespace}", "--role", "approver", "--namespace", namespace, "-o", "json"
    ).json["token"]

    waits = installation.must("promote", tool, "--to", "prod", "-o", "json").json
    approved = installation.must("approve", waits["id"], "--note", "tested", "-o", "json", token=token).json

    assert waits["state"] == "proposed"
    assert approved["state"] == "applied"
    second = f"{namespace}/tool:2.0"
    installation.must("push", dist / "empty", second)
    proposed = installation.must("promote", second, "--to", "prod", "-o", "json").json
    assert "0 of 1 approvals" in installation.must("promotions", namespace, "--waiting").out
    assert "does not enter prod" in installation.must("refuse", proposed["id"], "--reason", "no", token=token).out


def test_what_is_blocked_is_not_pulled_and_says_why(installation: Installation, namespace: str, dist: Path) -> None:
    tool = f"{namespace}/tool:1.0"
    installation.must("push", dist / "bin", tool)

    installation.must("block", tool, "--reason", "a coin miner")

    refused = installation.run("pull", tool, "--into", dist.parent / "pulled")
    assert refused.code == 1
    assert "a coin miner" in refused.err
    assert "a coin miner" in installation.must("blocks", namespace).out
    assert installation.run("push", dist / "bin", tool).code == 1
    installation.must("unblock", tool)
    installation.must("quarantine", tool, "--reason", "unclear")
    assert "quarantined" in installation.must("why", tool).out
    installation.must("unblock", tool, "--reason", "it was nothing")
    installation.must("pull", tool, "--into", dist.parent / "pulled")
