from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.formats.oci.conversation import Client, Registry, Template, open_registry, prepare
from tests.formats.oci.documents import ALGORITHMS


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return await prepare(tmp_path_factory.mktemp("oci"))


@pytest.fixture
async def registry(template: Template, tmp_path: Path) -> AsyncIterator[Registry]:
    async with open_registry(template, tmp_path) as registry:
        yield registry


@pytest.fixture
def client(registry: Registry) -> Client:
    """Whoever may do everything in ``acme``."""
    return registry.client()


@pytest.fixture(params=ALGORITHMS)
def algorithm(request: pytest.FixtureRequest) -> str:
    """Every digest of a test, by each algorithm that is accepted (OCI image, "Registered algorithms")."""
    return str(request.param)
