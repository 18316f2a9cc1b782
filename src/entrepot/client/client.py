"""The registry, for Python: ``with Client() as registry: registry.push(["dist/"], "acme/pkg:1.0")``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from entrepot.client.address import Address
from entrepot.client.administration import Grants, Namespaces, Principals, Tokens, Upstreams
from entrepot.client.advisories import Advisories
from entrepot.client.answers import Entry, FileVersion, Hit, Identity, Status, StoredFile
from entrepot.client.assessments import Assessments
from entrepot.client.attestations import Attestations, Signers
from entrepot.client.collection import Collection
from entrepot.client.connection import Connection
from entrepot.client.credentials import Login, find_login
from entrepot.client.deployments import Deployments, Holds
from entrepot.client.errors import Misuse, WrongContent
from entrepot.client.federation import Issuers, Publishers
from entrepot.client.files import Files
from entrepot.client.log import Log
from entrepot.client.oci import UNKNOWN_ARTIFACT, OciPackage
from entrepot.client.packages import Packages
from entrepot.client.promotions import Policies, Promotions
from entrepot.client.retry import Retry
from entrepot.client.secrets import Secrets
from entrepot.client.transfer import ProgressListener, Transfers
from entrepot.client.trash import Trash
from entrepot.client.upload import SessionStore, collect_sources
from entrepot.client.webhooks import Webhooks
from entrepot.model.digest import Digest

if TYPE_CHECKING:
    from typing import Self

_OCTETS: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Transferred:
    """What was pushed or pulled."""

    address: Address
    digest: Digest
    """The artifact's."""
    files: tuple[StoredFile, ...]


class Client:
    """A connection to one registry, as one caller; threads may share it.

    Without arguments it talks to ENTREPOT_URL with ENTREPOT_TOKEN, or to the registry that `entrepot login` was last
    called for.
    Every method raises `ClientError`; its kinds say what is the matter, and its hint what to do.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        retry: Retry | None = None,
        parallel: int = 4,
        timeout_seconds: float = 60.0,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Get ready; nothing is sent yet. *parallel* is how many files are transferred at once."""
        login = find_login(url, token, environment=environment)
        self.connection: Final = Connection.open(login, retry or Retry(), timeout_seconds=timeout_seconds)
        self.namespaces: Final = Namespaces(self.connection)
        self.upstreams: Final = Upstreams(self.connection)
        self.principals: Final = Principals(self.connection)
        self.grants: Final = Grants(self.connection)
        self.tokens: Final = Tokens(self.connection)
        self.issuers: Final = Issuers(self.connection)
        self.publishers: Final = Publishers(self.connection)
        self.packages: Final = Packages(self.connection)
        self.attestations: Final = Attestations(self.connection, self.packages, lambda target: self._oci(target, None))
        self.signers: Final = Signers(self.connection)
        self.advisories: Final = Advisories(self.connection)
        self.assessments: Final = Assessments(self.connection, self.packages)
        self.log: Final = Log(self.connection)
        self.collection: Final = Collection(self.connection)
        self.trash: Final = Trash(self.connection, self.packages)
        self.webhooks: Final = Webhooks(self.connection)
        self.policies: Final = Policies(self.connection, self.packages)
        self.promotions: Final = Promotions(self.connection, self.packages)
        self.deployments: Final = Deployments(self.connection, self.packages)
        self.holds: Final = Holds(self.connection, self.packages)
        self.secrets: Final = Secrets(self.connection, self.packages)
        self._parallel = parallel
        self._sessions = SessionStore.of(environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.connection.http.close()

    @property
    def login(self) -> Login:
        """Which registry, and with what token."""
        return self.connection.login

    def status(self) -> Status:
        """The registry's version and formats; for an auditor, also how much it holds."""
        return self.connection.call("GET", "/api/v1/status").read(Status)

    def whoami(self) -> Identity:
        """Whom the registry takes us for, and what we may do."""
        return self.connection.call("GET", "/api/v1/whoami").read(Identity)

    def search(self, query: str, *, limit: int = 100) -> list[Hit]:
        """Artifacts by where they came from (``commit:4f2c1e0``, ``build:…``), or by name or digest; newest first."""
        pages = self.connection.pages("/api/v1/search", Hit, query={"q": query, "limit": limit})
        return list(pages)[:limit]

    def journal(self, *, namespace: str | None = None, after: int = 0) -> Iterator[Entry]:
        """All changes after a position, in order; those of one namespace, or all."""
        query: dict[str, str | int] = {"after": after}
        if namespace is not None:
            query["namespace"] = namespace
        return self.connection.pages("/api/v1/journal", Entry, query=query)

    # --- transfers ---

    def push(
        self,
        files: Mapping[str, Path] | Sequence[str | Path],
        address: Address | str,
        *,
        format: str | None = None,
        annotations: Mapping[str, str] | None = None,
        artifact_type: str | None = None,
        media_type: str = _OCTETS,
        progress: ProgressListener | None = None,
    ) -> Transferred:
        """Push files and whole directories as a version: of plain files (``generic``), or as an artifact (``oci``).

        A mapping gives each file its name in the package.
        The same files again are not an error; other content under the same version is.
        An upload that broke, also one of a process that is gone, goes on where it was.
        """
        target = _parse(address, format)
        if not target.view.writable:
            raise Misuse(
                f"{target.view} is a channel's view, which is read-only", hint=f"Push to {target.view.namespace}."
            )
        if target.digest is not None:
            raise Misuse(f"{target}: what is pushed gets a version or a tag, its digest follows from the content")
        sources = collect_sources(files if isinstance(files, Mapping) else [Path(file) for file in files])
        if target.format in (None, "generic"):
            if artifact_type is not None or media_type != _OCTETS:
                raise Misuse("plain files have no artifact type and no media type", hint="Push with the format oci.")
            opened = self._files(target.of("generic"), progress)
            version, stored = opened.push(sources, annotations or {})
            return Transferred(opened.address, version, stored)
        if target.format != "oci":
            raise Misuse(f"{target.format} packages are published by their own clients", hint="Push generic or oci.")
        package = self._oci(target, progress)
        digest, pushed = package.push(
            sources, annotations or {}, artifact_type=artifact_type or UNKNOWN_ARTIFACT, media_type=media_type
        )
        return Transferred(target, digest, tuple(pushed))

    def pull(
        self,
        address: Address | str,
        into: str | Path = ".",
        *,
        format: str | None = None,
        only: Sequence[str] = (),
        layout: bool = False,
        progress: ProgressListener | None = None,
    ) -> Transferred:
        """Fetch a version's files into a directory, every one verified by its digest before it gets its name.

        *only* names patterns of files; *layout* writes an OCI image layout instead, the whole of an index.
        What is there already is not fetched again, and what broke goes on where it was.
        """
        target = self.packages.locate(_parse(address, format))
        directory = Path(into)
        if layout or target.format != "generic" or target.name is None:
            package = self._oci(self._by_digest(target), progress)
            digest, files = package.pull_layout(directory) if layout else package.pull(directory, only)
            return Transferred(target, digest, tuple(files))
        opened = self._files(target, progress)
        version = opened.read()
        if target.digest not in (None, version.digest):
            raise WrongContent(f"{target} is {version.digest} now")
        return Transferred(target, version.digest, tuple(opened.pull(version, directory, only)))

    def _by_digest(self, target: Address) -> Address:
        """The same, by digest where a format's versions may have names that are no tags."""
        if target.format in ("oci", "generic") or target.digest is not None:
            return target
        return replace(target, digest=self.packages.artifact(target).digest)

    def read_files(self, address: Address | str) -> FileVersion:
        """What a version of plain files has."""
        return self._files(_parse(address, "generic"), None).read()

    def delete_files(self, address: Address | str) -> None:
        """Remove a whole version of plain files; its name stays used up."""
        self._files(_parse(address, "generic"), None).delete()

    def _files(self, target: Address, progress: ProgressListener | None) -> Files:
        transfers = Transfers(self._parallel, progress)
        return Files(transfers.patient(self.connection), transfers, target, self._sessions)

    def _oci(self, target: Address, progress: ProgressListener | None) -> OciPackage:
        transfers = Transfers(self._parallel, progress)
        return OciPackage(transfers.patient(self.connection), transfers, target, self._sessions)


def _parse(address: Address | str, format: str | None) -> Address:
    if isinstance(address, str):
        return Address.parse(address, format=format)
    return address if format is None else address.of(format)
