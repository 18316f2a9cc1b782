"""What is said of a whole project (PEP 792): active, archived, quarantined or deprecated.

The registry has marks for versions and none for packages.
So a status is a small artifact of the package under a tag of its own: who said it and when is in the journal, and all
that it ever was is the tag's history.
It holds whatever the view that a project is looked at through.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from entrepot.formats.pypi.rules import PYPI
from entrepot.model.access import Action
from entrepot.model.contents import Contents, Kind, compose, encode_config
from entrepot.model.digest import Digest
from entrepot.model.errors import Invalid
from entrepot.model.names import ReferenceName, View
from entrepot.operations import access
from entrepot.operations.browse import find_package
from entrepot.operations.publish import Draft, publish
from entrepot.operations.upload import StoredBlob

if TYPE_CHECKING:
    from entrepot.model.access import Caller
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry

TAG: Final = ReferenceName("_project-status")
"""No version begins like this."""
_KIND: Final = Kind.of(f"{PYPI}.status")
_CONFIG: Final = encode_config({"format": PYPI})
_STATUS: Final = "dev.entrepot.pypi.status"
_REASON: Final = "dev.entrepot.pypi.status.reason"
_MAX_REASON: Final = 1_000


class Status(StrEnum):
    """PEP 792, "Project status markers"."""

    ACTIVE = "active"
    ARCHIVED = "archived"
    QUARANTINED = "quarantined"
    DEPRECATED = "deprecated"

    @property
    def takes_files(self) -> bool:
        """Whether files may be uploaded."""
        return self in (Status.ACTIVE, Status.DEPRECATED)

    @property
    def offers_files(self) -> bool:
        """Whether the index lists files."""
        return self is not Status.QUARANTINED


@dataclass(frozen=True, slots=True)
class ProjectStatus:
    """A project's status, and why."""

    status: Status = Status.ACTIVE
    reason: str = ""


async def read_status(registry: Registry, package: PackageId) -> ProjectStatus:
    """The status of a package that the caller may read, which has been asked before."""
    # A clearance is for content that somebody runs; what is said of the project is the namespace's word in each view.
    found = await registry.catalog.find_artifact(View(package.namespace), package, name=TAG)
    contents = None if found is None else Contents.read(found.content, _KIND)
    if contents is None:
        return ProjectStatus()
    return ProjectStatus(Status(contents.annotations[_STATUS]), contents.annotations.get(_REASON, ""))


async def set_status(registry: Registry, caller: Caller, package: PackageId, status: ProjectStatus) -> None:
    """Say a project's status. It takes who may yank.

    Raises `PackageUnknown`, `Invalid`, or what `access.require` raises.
    """
    if len(status.reason) > _MAX_REASON or not status.reason.isprintable():
        raise Invalid("reason", expected=f"one line of at most {_MAX_REASON} characters")
    await access.require(registry, caller, Action.DEPRECATE, package)
    await find_package(registry, caller, View(package.namespace), package)
    annotations = {_STATUS: str(status.status)} | ({_REASON: status.reason} if status.reason else {})
    artifact = compose(_KIND, _CONFIG, Contents(annotations=annotations))
    config = StoredBlob(Digest.of(_CONFIG), len(_CONFIG), _CONFIG)
    await publish(registry, caller, package, Draft(artifact, moving=(TAG,), blobs=(config,)))
