"""Charts in: received, looked into, and only then somebody's.

Helm's clients send a chart without saying what it is, so its name is read in it; whether the sender may publish that
chart is asked between the two, before anything is kept.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Final

from entrepot.formats.helm.archive import LIMITS, examine_chart
from entrepot.formats.helm.provenance import Provenance, check_provenance, examine_provenance
from entrepot.formats.helm.rules import CHART, HELM, KIND, PROVENANCE, print_file
from entrepot.model.access import Action
from entrepot.model.contents import Contents
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    Denied,
    Invalid,
    NamespaceUnknown,
    NotFound,
    ReferenceUnknown,
    TooLarge,
    Unauthenticated,
    VersionExists,
    VersionSealed,
)
from entrepot.model.names import PackageId, PackageName, View
from entrepot.model.upload import Upload, UploadId
from entrepot.operations import access
from entrepot.operations.add_files import Addition, Metadata, NewFile, add_files
from entrepot.operations.receive_file import receive_file
from entrepot.operations.resolve import resolve
from entrepot.operations.upload import StoredBlob, receive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entrepot.formats.helm.metadata import ChartMetadata
    from entrepot.model.access import Caller
    from entrepot.model.contents import File
    from entrepot.model.names import NamespaceName, ReferenceName
    from entrepot.operations.registry import Registry

_UNKNOWN: Final = PackageName("unknown")
"""What a chart is called until it was looked into: no row and no path ever has this name."""


@dataclass(frozen=True, slots=True)
class NamedChart:
    """Which chart's version a client says that its bytes are."""

    name: PackageName
    version: ReferenceName


@dataclass(slots=True)
class Delivery:
    """What one request brings to a namespace: a chart, its provenance, or both, in any order."""

    registry: Registry
    caller: Caller
    namespace: NamespaceName
    _chart: tuple[StoredBlob, ChartMetadata] | None = None
    _provenance: tuple[StoredBlob, Provenance] | None = None

    async def require_may_publish(self) -> None:
        """Raise unless there is any chart that the caller may publish: asked before a body is read.

        Raises `Unauthenticated`, `Denied`, `NamespaceUnknown`.
        """
        view, rights = View(self.namespace), self.caller.rights
        if all(any(Action.PUBLISH in each.actions and each.touches(view) for each in layer) for layer in rights.layers):
            return
        if self.caller.principal is None:
            raise Unauthenticated
        if rights.touches(view):
            raise Denied(f"{self.caller.name} may not {Action.PUBLISH} {view}")
        raise NamespaceUnknown(self.namespace)

    async def take_chart(
        self, content: AsyncIterator[bytes], size: int | None, *, named: NamedChart | None = None
    ) -> None:
        """Receive the chart, which must be the *named* one if it is named.

        Raises `InvalidArchive`, `InvalidMetadata`, `VersionExists`, `Invalid`, or what `access.require` raises.
        """
        registry = self.registry
        upload = Upload(
            id=UploadId(registry.clock.new_id()),
            package=PackageId(self.namespace, HELM, _UNKNOWN),
            principal=self.caller.name,
            expires_at=registry.clock.now() + registry.limits.upload_lease,
        )
        found: list[ChartMetadata] = []

        async def look(small: bytes | None) -> None:
            if small is None:
                chart = await registry.blobs.examine(upload.id, examine_chart)
                digest = await registry.blobs.digest(upload.id)
            else:
                chart = await asyncio.to_thread(examine_chart, BytesIO(small))
                digest = Digest.of(small)
            _require_named(chart, named)
            present = await self._find_chart(self._package(chart.name), chart.version)
            if present is not None and present.digest != digest:
                raise VersionExists(present.path, expected=present.digest, actual=digest)
            found.append(chart)

        try:
            blob = await receive(registry, upload, expected=None, content=_bounded(content), size=size, examine=look)
        finally:
            await registry.blobs.discard(upload.id)
        self._chart = blob, found[0]

    async def take_provenance(self, content: bytes, *, named: NamedChart | None = None) -> None:
        """Take a chart's provenance, in memory because it is small. Raises like `take_chart`."""
        provenance = await asyncio.to_thread(examine_provenance, BytesIO(content))
        _require_named(provenance, named)
        self._provenance = await receive_file(
            self.registry,
            self.caller,
            self._package(provenance.name),
            _once(content),
            examine_provenance,
            size=len(content),
        )

    async def publish(self) -> None:
        """Publish what came, in one step. Raises `Invalid`, `InvalidMetadata`, `VersionExists`, `ReferenceUnknown`."""
        if self._chart is not None:
            await self._publish_chart(*self._chart)
        elif self._provenance is not None:
            await self._publish_provenance(*self._provenance)
        else:
            raise Invalid("form", expected="a field chart or prov with a file")

    async def _publish_chart(self, blob: StoredBlob, chart: ChartMetadata) -> None:
        addition = adding_chart(chart, blob)
        if self._provenance is not None:
            signed, provenance = self._provenance
            _require_named(provenance, NamedChart(chart.name, chart.version))
            check_provenance(provenance, blob.digest)
            addition = replace(addition, files=(*addition.files, _provenance_file(provenance, signed)))
        package = self._package(chart.name)
        if not await self._is_there(package, addition):
            await add_files(self.registry, self.caller, package, KIND, addition)

    async def _publish_provenance(self, signed: StoredBlob, provenance: Provenance) -> None:
        package = self._package(provenance.name)
        present = await self._find_chart(package, provenance.version)
        if present is None:
            raise ReferenceUnknown(provenance.version, expected="the chart to be published first")
        check_provenance(provenance, present.digest)
        addition = adding_provenance(provenance, signed)
        if not await self._is_there(package, addition):
            await add_files(self.registry, self.caller, package, KIND, addition)

    async def _is_there(self, package: PackageId, addition: Addition) -> bool:
        """Whether a version has all of these files: one that was pushed through OCI is another manifest than ours.

        Raises `VersionSealed` for one that has not, and takes no more.
        """
        try:
            found = await resolve(self.registry, self.caller, View(package.namespace), package, name=addition.version)
        except NotFound:
            return False
        contents = Contents.read(found.content, KIND)
        files = {} if contents is None else contents.files
        is_there = all(file.path in files and files[file.path].digest == file.blob.digest for file in addition.files)
        if found.sealed and not is_there:
            raise VersionSealed(addition.version, expected=found.digest)
        return is_there

    async def _find_chart(self, package: PackageId, version: ReferenceName) -> File | None:
        """The chart's file as it is published already, for whoever may publish it."""
        await access.require(self.registry, self.caller, Action.PUBLISH, package)
        contents = await find_contents(self.registry, self.caller, package, version)
        return None if contents is None else contents.files.get(print_file(package.name, version))

    def _package(self, name: PackageName) -> PackageId:
        return PackageId(self.namespace, HELM, name)


def adding_chart(chart: ChartMetadata, blob: StoredBlob) -> Addition:
    """What a chart makes of its version."""
    file = NewFile(print_file(chart.name, chart.version), CHART, blob)
    return Addition(chart.version, (file,), lambda _: chart.fields, annotations=chart.annotations)


def adding_provenance(provenance: Provenance, blob: StoredBlob) -> Addition:
    """What its provenance adds to it. Publishing it raises `ReferenceUnknown` where there is no chart."""

    def describe(before: Metadata | None) -> Metadata:
        if before is None:
            raise ReferenceUnknown(provenance.version, expected="the chart to be published first")
        return before

    return Addition(provenance.version, (_provenance_file(provenance, blob),), describe)


async def find_contents(
    registry: Registry, caller: Caller, package: PackageId, version: ReferenceName
) -> Contents | None:
    """What a version is made of; None when there is none, or none that the caller may know."""
    try:
        found = await resolve(registry, caller, View(package.namespace), package, name=version)
    except NotFound:
        return None
    return Contents.read(found.content, KIND)


def _require_named(found: ChartMetadata | Provenance, named: NamedChart | None) -> None:
    if named is not None and (found.name, found.version) != (named.name, named.version):
        raise Invalid(
            "chart", expected=print_file(named.name, named.version), actual=print_file(found.name, found.version)
        )


def _provenance_file(provenance: Provenance, blob: StoredBlob) -> NewFile:
    return NewFile(print_file(provenance.name, provenance.version, is_provenance=True), PROVENANCE, blob)


async def _bounded(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same content, no larger than a chart can be unpacked: what it is is not known before it is here."""
    size = 0
    async for piece in content:
        size += len(piece)
        if size > LIMITS.unpacked_size:
            raise TooLarge("chart", expected=f"at most {LIMITS.unpacked_size} bytes")
        yield piece


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
