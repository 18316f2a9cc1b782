"""An index in this process: the real application, asked without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from entrepot.model.digest import Digest
from entrepot.model.names import PackageId, parse_channel, parse_reference
from entrepot.operations.check import check
from entrepot.operations.clear import open_clearance
from entrepot.operations.delete import delete_version
from entrepot.operations.registry import Limits
from entrepot.testing.builders import ADMINISTRATOR, TIGHT, World, open_world, package
from tests.formats.pypi.building import FORM, Built

JSON = "application/vnd.pypi.simple.v1+json"
SIMPLE = "/pypi/acme/simple/"
LEGACY = "/pypi/acme/legacy/"


@dataclass(slots=True)
class Index:
    """The index of the namespace ``acme``, and somebody of each role to ask it."""

    world: World
    tokens: dict[str, str] = field(default_factory=dict)

    async def ask(
        self,
        method: str,
        target: str,
        *,
        by: str | None = "reader",
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """Send a request as a role, as ``consumer`` (who reads ``acme.prod`` alone), ``stranger``, or as nobody."""
        token = None if by is None else await self._token(by)
        async with self.world.client(token) as client:
            return await client.request(method, target, headers=headers, **options)

    async def get(self, target: str, **options: Any) -> httpx.Response:
        return await self.ask("GET", target, **options)

    async def json(self, target: str, **options: Any) -> Any:
        """The document at *target*, which must be there."""
        answer = await self.get(target, headers={"accept": f"{JSON}, application/json"}, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def project(self, name: str = "tool", view: str = "acme", **options: Any) -> Any:
        return await self.json(f"/pypi/{view}/simple/{name}/", **options)

    async def post(self, form: bytes, *, by: str | None = "publisher", target: str = LEGACY) -> httpx.Response:
        return await self.ask("POST", target, by=by, content=form, headers=FORM)

    async def upload(self, *files: Built, namespace: str = "acme", **fields: str) -> None:
        """Upload files, each of which must be taken."""
        for file in files:
            answer = await self.post(file.form(**fields), by="administrator", target=f"/pypi/{namespace}/legacy/")
            assert answer.status_code == 200, answer.text

    async def digest_of(self, version: str, name: str = "tool", namespace: str = "acme") -> str:
        """A release's, as an OCI artifact."""
        answer = await self.ask("GET", f"/v2/{namespace}/pypi/{name}/manifests/{version}", by="administrator")
        assert answer.status_code == 200, answer.text
        return answer.headers["docker-content-digest"]

    async def clear(self, version: str, name: str = "tool", channel: str = "prod") -> None:
        """Let a release be seen through a channel's view."""
        digest = Digest.parse(await self.digest_of(version, name))
        await open_clearance(self.world.registry, ADMINISTRATOR, project_id(name), parse_channel(channel), digest)

    async def delete_release(self, version: str, name: str = "tool") -> None:
        await delete_version(self.world.registry, ADMINISTRATOR, project_id(name), parse_reference(version))

    async def violations(self) -> list[object]:
        return list(await check(self.world.registry, read_bytes=True))

    async def _token(self, name: str) -> str:
        if name not in self.tokens:
            match name:
                case "consumer":
                    self.tokens[name] = await self.world.token("reader", "acme.prod", name=name)
                case "administrator":
                    self.tokens[name] = await self.world.token(name, None)
                case "stranger":
                    self.tokens[name] = await self.world.token("maintainer", "other", name=name)
                case _:
                    self.tokens[name] = await self.world.token(name)
        return self.tokens[name]


def project_id(name: str = "tool") -> PackageId:
    return package(f"acme/{name}", format="pypi")


@asynccontextmanager
async def open_index(folder: Path, *, public: bool = False, limits: Limits = TIGHT) -> AsyncIterator[Index]:
    async with open_world(folder, limits=limits) as world:
        await world.namespace("acme", public=public)
        for name in ("other", "third"):
            await world.namespace(name)
        yield Index(world)
