from __future__ import annotations

import stat
from pathlib import Path

from tests.cli.installation import Installation


def _state(installation: Installation, package: str) -> dict[str, dict[str, object]]:
    return {each["name"]: each for each in installation.must("ls", package, "-o", "json").json}


def test_a_namespace_is_made_shown_and_changed(installation: Installation, namespace: str) -> None:
    installation.must("namespace", "set", namespace, "--public", "--movable", "latest", "--movable", "main*")
    installation.must("namespace", "set", namespace, "--version-pattern", "release-*")

    shown = installation.must("namespace", "show", namespace, "-o", "json").json
    assert (shown["public"], shown["movable"], shown["versions"]) == (True, ["latest", "main*"], ["release-*"])
    installation.must("namespace", "set", namespace, "--private", "--movable", "")
    assert installation.must("namespace", "show", namespace, "-o", "json").json["movable"] == []
    assert namespace in installation.must("namespace", "list").out
    assert namespace in installation.must("ls").out


def test_a_namespace_is_made_once(installation: Installation, namespace: str) -> None:
    again = installation.run("namespace", "create", namespace)

    assert again.code == 1
    assert namespace in again.err


def test_channels_are_set_in_order(installation: Installation, namespace: str) -> None:
    installation.must("channel", "set", namespace, "dev", "qa", "prod")

    listed = installation.must("channel", "list", namespace, "-o", "json").json
    assert [each["view"] for each in listed] == [f"{namespace}.dev", f"{namespace}.qa", f"{namespace}.prod"]


def test_a_token_may_do_what_it_is_for_until_it_is_revoked(
    installation: Installation, namespace: str, dist: Path
) -> None:
    robot = f"robot-{namespace}"
    made = installation.must(
        *("token", "create", robot, "--role", "publisher", "--namespace", namespace),
        *("--package", "team-*", "--ttl", "1h", "-o", "json"),
    ).json
    token = made["token"]

    allowed = installation.run("push", dist, f"{namespace}/team-a:1.0", token=token)
    elsewhere = installation.run("push", dist, f"{namespace}/other:1.0", token=token)
    told = installation.must("whoami", token=token).out
    installation.must("token", "revoke", made["id"])
    after = installation.run("push", dist, f"{namespace}/team-a:2.0", token=token)

    assert allowed.code == 0
    assert elsewhere.code == 1
    assert f"publisher in {namespace} for team-*" in told
    assert after.code == 1
    assert "entrepot login" in after.err
    assert made["id"] not in installation.must("token", "list").out
    assert made["id"] in installation.must("token", "list", "--all").out


def test_a_token_alone_on_stdout_can_be_used_as_it_is(installation: Installation, namespace: str) -> None:
    out = installation.must("token", "create", namespace, "--role", "reader", "--namespace", namespace).out

    told = installation.must("whoami", "-o", "json", token=out).json
    assert out.count("\n") == 1
    assert told["principal"] == namespace


def test_a_reader_may_not_push(installation: Installation, namespace: str, dist: Path) -> None:
    token = installation.must("token", "create", namespace, "--role", "reader", "--namespace", namespace).out.strip()

    done = installation.run("push", dist, f"{namespace}/tool:1.0", token=token)

    assert done.code == 1
    assert "entrepot whoami" in done.err
    assert len(done.err.splitlines()) == 2


def test_roles_are_given_and_taken_away(installation: Installation, namespace: str) -> None:
    user = f"user-{namespace}"
    installation.must("principal", "create", user)
    words = (user, "--role", "maintainer", "--namespace", namespace, "--package", "a-*")
    first = installation.must("grant", "add", *words)
    again = installation.must("grant", "add", *words)
    listed = installation.must("grant", "list", "--principal", user, "-o", "json").json
    installation.must("grant", "remove", *words)
    gone = installation.run("grant", "remove", *words)

    assert "already" not in first.out
    assert "already" in again.out
    assert listed == [{"principal": user, "role": "maintainer", "view": namespace, "pattern": "a-*"}]
    assert installation.must("grant", "list", "--principal", user, "-o", "json").json == []
    assert gone.code == 1


def test_who_is_disabled_may_do_nothing(installation: Installation, namespace: str) -> None:
    token = installation.must("token", "create", namespace, "--role", "reader", "--namespace", namespace).out
    installation.must("principal", "disable", namespace)

    done = installation.run("ls", namespace, token=token)

    listed = {each["name"]: each["disabled"] for each in installation.must("principal", "list", "-o", "json").json}
    assert done.code == 1
    assert listed[namespace] is True


def test_a_login_is_used_when_the_environment_says_nothing(
    installation: Installation, namespace: str, tmp_path: Path
) -> None:
    token = installation.must("token", "create", namespace, "--role", "reader", "--namespace", namespace).out.strip()
    home = {"HOME": str(tmp_path), "ENTREPOT_URL": "", "ENTREPOT_TOKEN": ""}

    installation.must("login", installation.url, "--token", token, variables=home)
    told = installation.must("whoami", "-o", "json", variables=home).json
    installation.must("logout", variables=home)
    after = installation.run("whoami", variables=home)

    store = tmp_path / ".config" / "entrepot" / "credentials.json"
    assert told["principal"] == namespace
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    assert token not in store.read_text()
    assert after.code == 2


def test_a_public_namespace_is_read_without_credentials(
    installation: Installation, namespace: str, dist: Path, tmp_path: Path
) -> None:
    installation.must("push", dist, f"{namespace}/tool:1.0")
    hidden = installation.run("pull", f"{namespace}/tool:1.0", "--into", tmp_path / "a", token="")
    installation.must("namespace", "set", namespace, "--public")

    installation.must("pull", f"{namespace}/tool:1.0", "--into", tmp_path / "b", token="")

    assert hidden.code == 1
    assert (tmp_path / "b" / "bin" / "tool").exists()


def test_only_what_is_cleared_is_seen_through_a_channel(
    installation: Installation, namespace: str, dist: Path, tmp_path: Path
) -> None:
    installation.must("push", dist, f"{namespace}/tool:1.0")
    installation.must("push", dist / "empty", f"{namespace}/tool:2.0")

    before = installation.run("pull", f"{namespace}.prod/tool:1.0", "--into", tmp_path)
    opened = installation.must("clearance", "open", f"{namespace}/tool:1.0", "prod", "--reason", "tested")
    again = installation.must("clearance", "open", f"{namespace}/tool:1.0", "prod")
    installation.must("pull", f"{namespace}.prod/tool:1.0", "--into", tmp_path / "into")
    other = installation.run("pull", f"{namespace}.prod/tool:2.0", "--into", tmp_path)
    listed = installation.must("clearance", "list", f"{namespace}/tool", "-o", "json").json
    installation.must("clearance", "close", f"{namespace}/tool:1.0", "prod", "--reason", "broken")
    after = installation.run("pull", f"{namespace}.prod/tool:1.0", "--into", tmp_path)
    past = installation.must("clearance", "list", f"{namespace}/tool", "--history", "-o", "json").json
    pushed = installation.run("push", dist, f"{namespace}.prod/tool:3.0")

    assert (before.code, other.code, after.code) == (1, 1, 1)
    assert "now cleared" in opened.out
    assert "already cleared" in again.out
    assert [each["channel"] for each in listed] == ["prod"]
    assert past[0]["until_position"] is not None
    assert pushed.code == 2
    assert f"Push to {namespace}." in pushed.err


def test_versions_are_marked_and_unmarked(installation: Installation, namespace: str, dist: Path) -> None:
    tool = f"{namespace}/tool:1.0"
    installation.must("push", dist, tool)

    installation.must("yank", tool, "--reason", "broken on arm64")
    installation.must("deprecate", tool, "--reason", "use 2.0")
    installation.must("seal", tool)
    marked = _state(installation, f"{namespace}/tool")["1.0"]
    shown = installation.must("ls", f"{namespace}/tool").out
    installation.must("unyank", tool)
    installation.must("undeprecate", tool)
    unmarked = _state(installation, f"{namespace}/tool")["1.0"]

    assert (marked["yanked"], marked["deprecated"], marked["sealed"]) == ("broken on arm64", "use 2.0", True)
    assert "sealed, yanked: broken on arm64, deprecated: use 2.0" in shown
    assert (unmarked["yanked"], unmarked["deprecated"], unmarked["sealed"]) == (None, None, True)


def test_tags_move_and_remember_what_they_meant(installation: Installation, namespace: str, dist: Path) -> None:
    api = f"{namespace}/api"
    digests = []
    for version in ("1.0", "2.0"):
        (dist / "bin" / "tool").write_text(version)
        digests.append(
            installation.must("push", dist, f"{api}:{version}", "--format", "oci", "-o", "json").json["digest"]
        )
        installation.must("tag", f"{api}:{version}", "latest", "stable")

    names = _state(installation, api)
    past = installation.must("ls", f"{api}:latest", "--history", "-o", "json").json
    assert names["latest"]["digest"] == names["stable"]["digest"] == digests[1]
    assert [each["digest"] for each in past] == digests
    refused = installation.run("tag", f"{api}:1.0", "2.0")
    assert refused.code == 1


def test_deleting_asks_for_a_yes_and_uses_the_version_up(
    installation: Installation, namespace: str, dist: Path
) -> None:
    tool = f"{namespace}/tool:1.0"
    installation.must("push", dist, tool)

    unasked = installation.run("delete", tool, stdin=-3)
    installation.must("delete", tool, "--yes")
    gone = installation.run("ls", tool)
    (dist / "bin" / "tool").write_text("other")
    reused = installation.run("push", dist, tool)

    assert unasked.code == 2
    assert gone.code == 1
    assert reused.code == 1


def test_a_tag_and_an_artifact_are_deleted(installation: Installation, namespace: str, dist: Path) -> None:
    api = f"{namespace}/api"
    digest = installation.must("push", dist, f"{api}:1.0", "--format", "oci", "-o", "json").json["digest"]
    installation.must("tag", f"{api}:1.0", "latest")

    installation.must("delete", f"{api}:latest", "-y")
    left = list(_state(installation, api))
    both = installation.run("delete", f"{api}:1.0@{digest}", "-y")
    installation.must("delete", f"{api}@{digest}", "-y")

    assert left == ["1.0"]
    assert both.code == 2
    assert installation.run("inspect", f"{api}@{digest}").code == 1


def test_the_journal_tells_what_happened(installation: Installation, namespace: str, dist: Path) -> None:
    installation.must("push", dist / "empty", f"{namespace}/tool:1.0")
    installation.must("yank", f"{namespace}/tool:1.0")

    # What followers do of it comes between, whenever they come to it.
    listed = installation.must("journal", "--namespace", namespace, "-o", "json").json
    entries = [each for each in listed if each["actor"] == "administrator"]
    some = installation.must(
        "journal", "--namespace", namespace, "--after", str(entries[0]["position"]), "--limit", "1"
    )
    assert [each["type"].split(".")[2:4] for each in entries] == [
        ["namespace", "created"],
        ["artifact", "published"],
        ["version", "yanked"],
    ]
    assert len(some.out.splitlines()) == 2
    assert "artifact.published" in some.out


def test_everything_listed_is_a_table_too(installation: Installation, namespace: str, dist: Path) -> None:
    installation.must("push", dist, f"{namespace}/tool:1.0")
    installation.must("push", dist, f"{namespace}/art:1.0", "--format", "oci")

    packages = installation.must("ls", namespace).out
    names = installation.must("ls", f"{namespace}/tool").out
    files = installation.must("ls", f"{namespace}/tool:1.0").out
    links = installation.must("ls", f"{namespace}/art:1.0").out
    shown = installation.must("inspect", f"{namespace}/tool:1.0").out
    found = installation.must("search", "tool").out

    assert [line.split()[0] for line in packages.splitlines()] == ["PACKAGE", f"{namespace}/tool", f"{namespace}/art"]
    assert "version" in names
    assert "bin/tool" in files
    assert "bin/tool" in links
    assert "large.img" in shown
    assert f"{namespace}/generic/tool" in found


def test_a_channel_lists_what_it_shows_and_a_namespace_that_nobody_knows_is_an_error(
    installation: Installation, namespace: str, dist: Path
) -> None:
    for name in ("cleared", "waiting"):
        installation.must("push", dist, f"{namespace}/{name}:1.0")
    installation.must("clearance", "open", f"{namespace}/cleared:1.0", "prod")

    through = installation.must("ls", f"{namespace}.prod", "-o", "json").json
    wrong = [installation.run("ls", f"{namespace}.nowhere"), installation.run("ls", "nobody-has-this")]

    assert [each["name"] for each in through] == ["cleared"]
    assert [done.code for done in wrong] == [1, 1]
