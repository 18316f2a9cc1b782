"""What runs where, and what ran there before: the area of deployments of the catalog."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.session import identity
from entrepot.drivers.catalog.statements import load
from entrepot.model.deployment import Deployment, Particulars, Place
from entrepot.model.digest import Digest
from entrepot.model.names import NamespaceName
from entrepot.model.position import Position

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.names import PackageId, ReferenceName

DEPLOYMENTS: Final = load("deployments")


class _Stored(msgspec.Struct, omit_defaults=True):
    tags: dict[str, str] = {}
    risks: list[str] = []
    repository: str = ""


class SqlDeployments:
    """Implements `entrepot.ports.deployments.Deployments`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def list(
        self,
        namespace: NamespaceName,
        package: PackageId | None = None,
        *,
        digest: Digest | None = None,
        environment: str | None = None,
        service: str | None = None,
        cluster: str | None = None,
        history: bool = False,
        after: int = 0,
        limit: int,
    ) -> Sequence[Deployment]:
        """A page of deployments in the order of their numbers."""
        where = {"namespace": namespace, "format": None, "package": None} if package is None else identity(package)
        found = await self._questions.all(
            DEPLOYMENTS.list_deployments,
            **where,
            digest=None if digest is None else str(digest),
            environment=environment,
            service=service,
            cluster=cluster,
            history=history,
            after=after,
            limit=limit,
        )
        return [_deployment(row) for row in found]

    async def list_running(
        self, artifacts: Sequence[tuple[PackageId, Digest]]
    ) -> Mapping[tuple[PackageId, Digest], Sequence[Deployment]]:
        """As what each of these artifacts runs now."""
        if await self._questions.one(DEPLOYMENTS.any_running) is None:
            return {}  # Many are asked about at a time, and not everybody tells us what runs.
        asked = [(p.namespace, p.format, p.name, str(digest)) for p, digest in dict.fromkeys(artifacts)]
        found: dict[tuple[PackageId, Digest], list[Deployment]] = {}
        for row in await self._questions.all(DEPLOYMENTS.list_running, artifacts=msgspec.json.encode(asked).decode()):
            deployment = _deployment(row)
            found.setdefault((deployment.package, deployment.digest), []).append(deployment)
        return found

    async def list_packages(self, namespace: NamespaceName, digest: Digest, *, limit: int) -> Sequence[PackageId]:
        """The packages of a namespace that have an artifact now."""
        found = await self._questions.all(
            DEPLOYMENTS.list_packages, namespace=namespace, digest=str(digest), limit=limit
        )
        return [rows.package_id(*row) for row in found]


class SqlDeploymentChanges:
    """Implements `entrepot.ports.deployments.DeploymentChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, place: Place) -> Deployment | None:
        """What runs at a place."""
        known = self._place(place)
        row = None if known is None else self._session.one(DEPLOYMENTS.find_open, place=known)
        return None if row is None else _deployment(row)

    def find_last(self, place: Place, digest: Digest) -> Deployment | None:
        """When an artifact ran at a place last, or runs there now."""
        known, blob = self._place(place), self._session.find_blob_id(digest)
        if known is None or blob is None:
            return None
        row = self._session.one(DEPLOYMENTS.find_last, place=known, blob=blob)
        return None if row is None else _deployment(row)

    def find_by_name(self, package: PackageId, name: ReferenceName) -> Deployment | None:
        """Something that runs and was deployed by this name."""
        package_id = self._session.find_package_id(package)
        row = None if package_id is None else self._session.one(DEPLOYMENTS.find_by_name, package=package_id, name=name)
        return None if row is None else _deployment(row)

    def open(self, deployment: Deployment) -> Deployment:
        """Let an artifact run at its place from this position on, where nothing runs; with its number."""
        where = self._where(deployment.place)
        self._session.run(DEPLOYMENTS.add_place, **where)
        (number,) = self._session.returned(
            DEPLOYMENTS.open_deployment,
            place=self._session.returned(DEPLOYMENTS.place_id, **where)[0],
            package=self._session.package_id(deployment.package),
            blob=self._session.blob_id(deployment.digest),
            actor=deployment.actor,
            position=self._session.position,
            **_stored(deployment.particulars),
        )
        now = self._session.now
        return replace(deployment, id=number, from_position=self._session.position, since=now, changed_at=now)

    def change(self, id: int, particulars: Particulars) -> None:
        """Know something else of a deployment that lasts."""
        self._session.run(DEPLOYMENTS.change_deployment, id=id, position=self._session.position, **_stored(particulars))

    def close(self, id: int) -> Position:
        """Let it run no more."""
        self._session.run(DEPLOYMENTS.close_deployment, id=id, position=self._session.position)
        return self._session.position

    def _place(self, place: Place) -> int | None:
        row = self._session.one(DEPLOYMENTS.place_id, **self._where(place))
        return None if row is None else int(row[0])

    def _where(self, place: Place) -> dict[str, object]:
        return {
            "namespace": self._session.namespace_id(place.namespace),
            "environment": place.environment,
            "service": place.service,
            "cluster": place.cluster,
            "region": place.region,
        }


def place_of(namespace: str, environment: str, service: str, cluster: str, region: str) -> Place:
    """``namespace, environment, service, cluster, region``."""
    return Place(NamespaceName(namespace), environment, service, cluster, region)


def _stored(particulars: Particulars) -> dict[str, str]:
    stored = _Stored(dict(particulars.tags), list(particulars.risks), particulars.repository)
    return {"version": particulars.version, "particulars": msgspec.json.encode(stored).decode()}


def _deployment(row: tuple[Any, ...]) -> Deployment:
    id, namespace, environment, service, cluster, region, format_, name, digest, version, text, *rest = row
    actor, start, end, since, until, changed_at = rest
    stored = msgspec.json.decode(text, type=_Stored)
    return Deployment(
        id=id,
        place=place_of(namespace, environment, service, cluster, region),
        package=rows.package_id(namespace, format_, name),
        digest=Digest.parse(digest),
        actor=actor,
        particulars=Particulars(version, stored.tags, tuple(stored.risks), stored.repository),
        from_position=Position(start),
        until_position=None if end is None else Position(end),
        since=None if since is None else rows.parse_time(since),
        until=None if until is None else rows.parse_time(until),
        changed_at=None if changed_at is None else rows.parse_time(changed_at),
    )
