"""Packages, their names and their artifacts: the part of the management API that is about content."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.client.address import Address
from entrepot.client.advisories import Scan
from entrepot.client.answers import (
    Artifact,
    Clearance,
    Component,
    ComponentChange,
    Package,
    Reference,
    Sboms,
    Status,
)
from entrepot.client.connection import escape
from entrepot.client.errors import Misuse, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entrepot.client.connection import Connection
    from entrepot.model.digest import Digest

_CREATED = 201
_LOOK_SECONDS = 0.2
_NOT_THERE = (400, 404)
"""A name may also be one that a format does not have."""


@dataclass(frozen=True, slots=True)
class Packages:
    """What the registry holds. Addresses may be text, ``acme/pkg:1.0``; every method raises `ClientError`."""

    _connection: Connection

    def iter(self, view: str | None = None, *, format: str | None = None) -> Iterator[Package]:
        """Those that the caller may read; of a namespace or a channel's *view*, those that it shows."""
        given = {"view": view, "format": format}
        query = {field: value for field, value in given.items() if value is not None}
        return self._connection.pages("/api/v1/packages", Package, query=query)

    def locate(self, address: Address | str) -> Address:
        """The address with its format, which the registry is asked for when it was not said.

        Raises `Misuse` when the name is taken in several formats.
        """
        known = Address.parse(address) if isinstance(address, str) else address
        if known.format is not None:
            return known
        formats = self._connection.call("GET", "/api/v1/status").read(Status).formats
        found = [each for each in formats if self._has(known.of(each))]
        if len(found) > 1:
            choices = " or ".join(str(known.of(each)) for each in found)
            raise Misuse(f"{known} could be of several formats", hint=f"Write {choices}.")
        # Where there is none, the registry's own words about the likeliest format say so.
        return known.of(found[0] if found else "oci" if "/" in known.package else "generic")

    def _has(self, located: Address) -> bool:
        try:
            self._connection.call("GET", path_of(located))
        except Refused as error:
            if error.status not in _NOT_THERE:
                raise
            return False
        return True

    def read(self, address: Address | str) -> Package:
        """The package."""
        return self._connection.call("GET", self._path(address)).read(Package)

    def references(self, address: Address | str, *, kind: str | None = None) -> Iterator[Reference]:
        """Its tags and versions, or those of one *kind*."""
        query = {} if kind is None else {"kind": kind}
        return self._connection.pages(f"{self._path(address)}/-/references", Reference, query=query)

    def history(self, address: Address | str) -> Iterator[Reference]:
        """All that a name ever meant."""
        located = self.locate(address)
        return self._connection.pages(f"{self._reference(located)}/history", Reference)

    def scan(self, address: Address | str) -> Scan:
        """What is known to be bad of an artifact."""
        located = self.locate(address)
        artifact = str(located.digest or located.name)
        return self._connection.call("GET", f"{self._path(located)}/-/artifacts/{escape(artifact)}/findings").read(Scan)

    def tag(self, address: Address | str, name: str) -> Digest:
        """Give what *address* means another name, and return what that is."""
        located = self.locate(address)
        digest = located.digest or self.artifact(located).digest
        path = f"{self._path(located)}/-/references/{escape(name)}"
        self._connection.call("PUT", path, document={"digest": str(digest)})
        return digest

    def untag(self, address: Address | str) -> None:
        """Take a name away; a version's stays used up."""
        self._connection.call("DELETE", self._reference(self.locate(address)))

    def seal(self, address: Address | str) -> None:
        """Let a version never change again."""
        self._mark(address, "seal")

    def yank(self, address: Address | str, reason: str = "") -> None:
        """Ask that nobody newly picks a version."""
        self._mark(address, "yank", reason)

    def unyank(self, address: Address | str) -> None:
        """Take a yank back."""
        self._mark(address, "unyank")

    def deprecate(self, address: Address | str, reason: str = "") -> None:
        """Say that there is something better than a version."""
        self._mark(address, "deprecate", reason)

    def undeprecate(self, address: Address | str) -> None:
        """Take a deprecation back."""
        self._mark(address, "undeprecate")

    def artifacts(self, address: Address | str) -> Iterator[Artifact]:
        """All artifacts of a package, in the order they came."""
        return self._connection.pages(f"{self._path(address)}/-/artifacts", Artifact)

    def artifact(self, address: Address | str) -> Artifact:
        """One artifact, with its links and what refers to it."""
        located = self.locate(address)
        path = f"{self._path(located)}/-/artifacts/{escape(located.reference)}"
        return self._connection.call("GET", path).read(Artifact)

    def delete(self, address: Address | str) -> None:
        """Remove an artifact by its digest, with the names that mean it. Raises `Misuse` for an address without one."""
        located = self.locate(address)
        if located.digest is None:
            raise Misuse(f"{located} has no digest: an artifact is deleted by its digest, a name with `untag`")
        self._connection.call("DELETE", f"{self._path(located)}/-/artifacts/{located.digest}")

    def readmit(self, address: Address | str, *, reason: str = "") -> None:
        """Let a version or an artifact that was deleted come from an upstream again."""
        located = self.locate(address)
        query = {"reason": reason} if reason else None
        path = f"{self._path(located)}/-/tombstones/{escape(located.reference)}"
        self._connection.call("DELETE", path, query=query)

    def clearances(self, address: Address | str, *, history: bool = False) -> Iterator[Clearance]:
        """What of a package is cleared for which channel; *history* includes what no longer is."""
        query = {"history": 1} if history else {}
        return self._connection.pages(f"{self._path(address)}/-/clearances", Clearance, query=query)

    def open_clearance(self, address: Address | str, channel: str, reason: str = "") -> bool:
        """Clear what *address* means for a channel; False when it was."""
        path = self._clearance(address, channel)
        return self._connection.call("PUT", path, document={"reason": reason}).status == _CREATED

    def close_clearance(self, address: Address | str, channel: str, reason: str = "") -> None:
        """Take it out of the channel."""
        self._connection.call("DELETE", self._clearance(address, channel), query={"reason": reason} if reason else None)

    def sboms(self, address: Address | str, *, wait_seconds: float = 0) -> Sboms:
        """Which documents say what is in an artifact, and under which licences that is.

        What was published just now is looked into a moment later: it is waited for, at most so long.
        """
        path, until = self._sbom(address), time.monotonic() + wait_seconds
        while not (found := self._connection.call("GET", path).read(Sboms)).documents and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
        return found

    def components(self, address: Address | str) -> Iterator[Component]:
        """What is in an artifact, and what it needs."""
        return self._connection.pages(f"{self._sbom(address)}/components", Component, query={"limit": 1_000})

    def component_changes(self, before: Address | str, after: Address | str) -> Iterator[ComponentChange]:
        """What is otherwise in *after* than in *before*. Raises `Misuse` when they are of two packages."""
        old, new = self.locate(before), self.locate(after)
        if (old.view, old.format, old.package) != (new.view, new.format, new.package):
            raise Misuse(f"{old} and {new} are of two packages", hint="Compare two versions of one.")
        query: dict[str, str | int] = {"before": old.reference, "limit": 1_000}
        return self._connection.pages(f"{self._sbom(new)}/changes", ComponentChange, query=query)

    def export_sbom(self, address: Address | str, form: str = "cyclonedx") -> bytes:
        """What is in an artifact as one document: ``cyclonedx`` (1.6) or ``spdx`` (2.3)."""
        return self._connection.call("GET", f"{self._sbom(address)}/documents/{escape(form)}").content

    def _sbom(self, address: Address | str) -> str:
        located = self.locate(address)
        return f"{self._path(located)}/-/artifacts/{escape(located.reference)}/sbom"

    def _mark(self, address: Address | str, verb: str, reason: str | None = None) -> None:
        located = self.locate(address)
        path = f"{self._path(located)}/-/versions/{escape(located.version)}/{verb}"
        document = None if reason is None else {"reason": reason}
        self._connection.call("POST", path, document=document, repeatable=True)

    def _path(self, address: Address | str) -> str:
        return path_of(self.locate(address))

    def _reference(self, located: Address) -> str:
        return f"{self._path(located)}/-/references/{escape(located.version)}"

    def _clearance(self, address: Address | str, channel: str) -> str:
        located = self.locate(address)
        digest = located.digest or self.artifact(located).digest
        return f"{self._path(located)}/-/clearances/{escape(channel)}/{digest}"


def path_of(located: Address) -> str:
    """Where the management API has the package of an address with a format."""
    return f"/api/v1/packages/{located.view}/{located.format}/{escape(located.package)}"
