"""What runs where, and what ran there before: the area of deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from entrepot.model.deployment import Deployment, Particulars, Place
    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId, ReferenceName
    from entrepot.model.position import Position


class Deployments(Protocol):
    """What runs, and what ran."""

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
        """A page of deployments in the order of their numbers: those that last, or all that ever were."""

    async def list_running(
        self, artifacts: Sequence[tuple[PackageId, Digest]]
    ) -> Mapping[tuple[PackageId, Digest], Sequence[Deployment]]:
        """As what each of these artifacts runs now; those that run nowhere are left out."""

    async def list_packages(self, namespace: NamespaceName, digest: Digest, *, limit: int) -> Sequence[PackageId]:
        """The packages of a namespace that have an artifact now, by format and name."""


class DeploymentChanges(Protocol):
    """What a change may do to them."""

    def find(self, place: Place) -> Deployment | None:
        """What runs at a place."""

    def find_last(self, place: Place, digest: Digest) -> Deployment | None:
        """When an artifact ran at a place last, or runs there now."""

    def find_by_name(self, package: PackageId, name: ReferenceName) -> Deployment | None:
        """Something that runs and was deployed by this name."""

    def open(self, deployment: Deployment) -> Deployment:
        """Let an artifact run at its place from this position on, where nothing runs; with its number."""

    def change(self, id: int, particulars: Particulars) -> None:
        """Know something else of a deployment that lasts."""

    def close(self, id: int) -> Position:
        """Let it run no more; where that stands in the journal."""
