"""What ``npm audit`` is told."""

from __future__ import annotations

import json
from typing import Any

from entrepot.operations.advisories import import_advisories
from entrepot.testing.builders import ADMINISTRATOR, stream
from tests.formats.npm.served import Npm

BULK = "/-/npm/v1/security/advisories/bulk"


async def know(npm: Npm, *affected: dict[str, Any], **more: Any) -> None:
    record = {"id": "TEST-1", "modified": "2026-01-01T00:00:00Z", "summary": "It leaks.", "affected": list(affected)}
    content = json.dumps({**record, **more}).encode()
    await import_advisories(npm.registry, ADMINISTRATOR, "test", stream(content))


def affecting(*events: dict[str, str], name: str = "tool", **more: Any) -> dict[str, Any]:
    return {
        "package": {"ecosystem": "npm", "name": name},
        "ranges": [{"type": "SEMVER", "events": list(events)}] if events else [],
        **more,
    }


async def test_an_advisory_that_means_an_installed_version_is_told_with_its_range(npm: Npm) -> None:
    await know(
        npm,
        affecting({"introduced": "0"}, {"fixed": "1.2.0"}, {"introduced": "2.0.0"}, {"last_affected": "2.1.0"}),
        database_specific={"severity": "HIGH"},
    )

    answer = await npm.send(BULK, {"tool": ["1.0.0", "9.0.0"], "other": ["1.0.0"]}, method="POST")

    assert answer.json.keys() == {"tool"}
    [told] = answer.json["tool"]
    assert (told["id"], told["severity"], told["title"]) == ("TEST-1", "high", "It leaks.")
    assert told["vulnerable_versions"] == "<1.2.0 || >=2.0.0 <=2.1.0"


async def test_an_advisory_about_other_versions_is_not_told(npm: Npm) -> None:
    await know(npm, affecting({"introduced": "0"}, {"fixed": "1.2.0"}))

    answer = await npm.send(BULK, {"tool": ["1.2.0"]}, method="POST")

    assert (answer.status, answer.json) == (200, {})


async def test_every_version_and_listed_ones_are_ranges_too(npm: Npm) -> None:
    await know(npm, affecting({"introduced": "0"}), affecting(name="@acme/lib", versions=["1.0.0", "1.0.1"]))

    answer = await npm.send(BULK, {"tool": ["7.0.0"], "@acme/lib": ["1.0.1"]}, method="POST")

    assert answer.json["tool"][0]["vulnerable_versions"] == "*"
    assert answer.json["@acme/lib"][0]["vulnerable_versions"] == "=1.0.0 || =1.0.1"
    assert answer.json["tool"][0]["severity"] == "moderate"


async def test_what_cannot_be_told_is_told(npm: Npm) -> None:
    await know(npm, affecting(name="tool"))

    answer = await npm.send(BULK, {"tool": ["1.0.0"]}, method="POST")

    assert answer.json["tool"][0]["vulnerable_versions"] == "=1.0.0"
