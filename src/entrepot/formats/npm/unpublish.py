"""Take versions back: ``npm unpublish``, which sends a packument without them, or deletes the package.

Clients say which revision they have read, so nothing goes that they have not seen.
The number of a version that was taken back stays used up (I4).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from entrepot.formats.npm.hosted import to_packument
from entrepot.formats.npm.metadata import KIND
from entrepot.formats.npm.publish import move_tag, read_document, require_revision
from entrepot.formats.npm.rules import parse_loose, parse_tag, parse_tarball_name
from entrepot.model.access import Action
from entrepot.model.errors import Denied, FileUnknown, PackageUnknown, Protected, ReferenceUnknown
from entrepot.model.names import View
from entrepot.operations import access
from entrepot.operations.browse import list_clearances
from entrepot.operations.delete import delete_version
from entrepot.operations.read_package import read_package

if TYPE_CHECKING:
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.operations.read_package import StoredPackage
    from entrepot.wire.call import Call

_DOCUMENT_SIZE: Final = 16 * 1024 * 1024


async def put_revision(call: Call, package: PackageId, revision: str) -> None:
    """Unpublish the versions that the packument in the body has no more.

    Tags that lose their version go where the body says.
    Raises `StaleRevision`, `Denied`, `Protected`, `Invalid`, or what `delete_version` raises.
    """
    await access.require(call.registry, call.caller, Action.DELETE, package)
    document = read_document(await call.body.read(_DOCUMENT_SIZE), package)
    if document.versions is None:
        raise Denied("owners", expected="grants: who may publish is not said by packages")
    stored = await _read(call, package, revision)
    kept = {parse_loose(key) for key in document.versions}
    gone = [version.name for version in stored.versions if version.name not in kept]
    await _delete(call, package, stored, gone)
    before = to_packument(package.name, stored).tags
    for text, value in document.tags.items():
        tag = parse_tag(text)
        version = parse_loose(value)
        if before.get(tag) in gone and version not in gone:
            await move_tag(call, package, tag, version)


async def delete_package(call: Call, package: PackageId, revision: str) -> None:
    """Unpublish all versions. Raises like `put_revision`."""
    await access.require(call.registry, call.caller, Action.DELETE, package)
    stored = await _read(call, package, revision)
    await _delete(call, package, stored, [version.name for version in stored.versions])


async def delete_tarball(call: Call, package: PackageId, file: str, revision: str) -> None:
    """Unpublish the version whose file this is; nothing is left to do when the packument was sent without it before.

    Raises like `put_revision`.
    """
    await access.require(call.registry, call.caller, Action.DELETE, package)
    version = parse_tarball_name(package.name, file)
    if version is None:
        raise FileUnknown(ascii(file[:200]))
    try:
        stored = await _read(call, package, revision)
    except PackageUnknown:
        return
    await _delete(call, package, stored, [each.name for each in stored.versions if each.name == version])


async def _read(call: Call, package: PackageId, revision: str) -> StoredPackage:
    """The package as it was at *revision*: nothing that was published while it was read. Raises `StaleRevision`."""
    stored = await read_package(call.registry, call.caller, View(package.namespace), package, KIND)
    await require_revision(call, package, revision)
    return stored


async def _delete(call: Call, package: PackageId, stored: StoredPackage, versions: list[ReferenceName]) -> None:
    """All of them or, when a channel needs one, none."""
    digests = {version.digest: version.name for version in stored.versions if version.name in versions}
    for clearance in await list_clearances(call.registry, call.caller, package) if versions else ():
        if clearance.digest in digests:
            raise Protected(
                f"{package.name}@{digests[clearance.digest]}",
                expected=f"its clearance for {clearance.channel} to be closed first",
            )
    for version in versions:
        # Another client may have been faster.
        with suppress(ReferenceUnknown):
            await delete_version(call.registry, call.caller, package, version)
