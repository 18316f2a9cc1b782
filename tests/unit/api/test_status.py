from __future__ import annotations

from entrepot import __version__
from tests.unit.api.world import World


async def test_the_status_tells_an_auditor_how_much_there_is(world: World) -> None:
    await world.namespace()
    await world.image("1.0")
    auditor = await world.token("auditor", None)

    answer = await world.ask("GET", "/api/v1/status", token=auditor)

    assert answer.status == 200
    assert answer.json["version"] == __version__
    assert {"generic", "oci"} <= set(answer.json["formats"])
    assert answer.json["storage"]["artifacts"] == 1
    assert answer.json["storage"]["namespaces"] == 1


async def test_the_status_tells_nobody_else_how_much_there_is(world: World) -> None:
    await world.namespace()
    maintainer = await world.token("maintainer", None)
    auditor_of_one_namespace = await world.token("auditor", "acme")

    for token in (None, maintainer, auditor_of_one_namespace):
        answer = await world.ask("GET", "/api/v1/status", token=token)

        assert answer.status == 200
        assert answer.json["storage"] is None
