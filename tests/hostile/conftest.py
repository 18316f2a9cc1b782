"""An application with something of everything in it, for each module of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from entrepot.operations.log import grow_log
from tests.hostile.inside import Inside, inside, make_namespaces
from tests.hostile.world import World, basic


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """An application in this process; what one test left in it, the next one meets."""
    with inside(tmp_path_factory.mktemp("hostile") / "data") as opened:
        make_namespaces(opened)
        World(opened.ask, basic(opened.token)).fill()
        opened.run(grow_log(opened.registry))
        yield opened
        assert opened.violations() == []
        assert opened.strays() == set()
