"""How the SDK waits for what is said of an artifact."""

from __future__ import annotations

import pytest

from tests.unit.client.conftest import Open
from tests.unit.client.loopback import Asked, Say, loopback

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(("wait", "asked", "current"), [(60.0, 3, True), (5.0, 1, False), (0.0, 1, False)])
def test_a_report_is_waited_for_until_all_is_examined_but_no_request_takes_long(
    connect: Open, wait: float, asked: int, current: bool
) -> None:
    waits: list[float] = []

    def answer(asking: Asked) -> Say:
        waits.append(float(asking.query["wait"]))
        return Say.json({"digest": DIGEST, "current": len(waits) == 3, "attestations": []})

    with loopback(answer) as server, connect(server.url) as client:
        report = client.attestations.report(f"acme/oci/api@{DIGEST}", wait_seconds=wait)

    assert (len(waits), report.current) == (asked, current)
    assert all(0 <= each <= min(wait, 10.0) for each in waits)
