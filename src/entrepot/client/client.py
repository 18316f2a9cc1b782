"""The registry, for Python: ``with Client() as registry: registry.push(["dist/"], "acme/pkg:1.0")``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from entrepot.client.address import Address
from entrepot.client.connection import Connection
from entrepot.client.credentials import Login, find_login
from entrepot.client.errors import Misuse, WrongContent
from entrepot.client.retry import Retry

if TYPE_CHECKING:
    from typing import Self

    from entrepot.client.administration import Grants, Namespaces, Principals, Tokens, Upstreams
    from entrepot.client.advisories import Advisories
    from entrepot.client.answers import Entry, FileVersion, Hit, Identity, Status, StoredFile
    from entrepot.client.assessments import Assessments
    from entrepot.client.attestations import Attestations, Signers
    from entrepot.client.collection import Collection
    from entrepot.client.deployments import Deployments, Holds
    from entrepot.client.erasures import Erasures
    from entrepot.client.federation import Issuers, Publishers
    from entrepot.client.files import Files
    from entrepot.client.log import Log
    from entrepot.client.oci import OciPackage
    from entrepot.client.packages import Packages
    from entrepot.client.promotions import Policies, Promotions
    from entrepot.client.retention import Retentions
    from entrepot.client.secrets import Secrets
    from entrepot.client.tiers import Tiers
    from entrepot.client.transfer import ProgressListener, Transfers
    from entrepot.client.trash import Trash
    from entrepot.client.upload import SessionStore
    from entrepot.client.usage import Usages
    from entrepot.client.webhooks import Webhooks
    from entrepot.model.digest import Digest

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
        self._environment = environment
        self._parallel = parallel

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
        from entrepot.client.answers import Status

        return self.connection.call("GET", "/api/v1/status").read(Status)

    def whoami(self) -> Identity:
        """Whom the registry takes us for, and what we may do."""
        from entrepot.client.answers import Identity

        return self.connection.call("GET", "/api/v1/whoami").read(Identity)

    def search(self, query: str, *, limit: int = 100) -> list[Hit]:
        """Artifacts by where they came from (``commit:4f2c1e0``, ``build:…``), or by name or digest; newest first."""
        from entrepot.client.answers import Hit

        pages = self.connection.pages("/api/v1/search", Hit, query={"q": query, "limit": limit})
        return list(pages)[:limit]

    def journal(self, *, namespace: str | None = None, after: int = 0) -> Iterator[Entry]:
        """All changes after a position, in order; those of one namespace, or all."""
        from entrepot.client.answers import Entry

        query: dict[str, str | int] = {"after": after}
        if namespace is not None:
            query["namespace"] = namespace
        return self.connection.pages("/api/v1/journal", Entry, query=query)

    # --- its parts: each is imported when it is first asked for, as most programs ask for one or two ---

    @cached_property
    def namespaces(self) -> Namespaces:
        """The namespaces of a registry."""
        from entrepot.client.administration import Namespaces

        return Namespaces(self.connection)

    @cached_property
    def upstreams(self) -> Upstreams:
        """The other registries that a namespace reads through to."""
        from entrepot.client.administration import Upstreams

        return Upstreams(self.connection)

    @cached_property
    def principals(self) -> Principals:
        """Users and robots."""
        from entrepot.client.administration import Principals

        return Principals(self.connection)

    @cached_property
    def grants(self) -> Grants:
        """Roles that principals have."""
        from entrepot.client.administration import Grants

        return Grants(self.connection)

    @cached_property
    def tokens(self) -> Tokens:
        """What programs and people log in with."""
        from entrepot.client.administration import Tokens

        return Tokens(self.connection)

    @cached_property
    def issuers(self) -> Issuers:
        """The systems whose identity tokens are believed."""
        from entrepot.client.federation import Issuers

        return Issuers(self.connection)

    @cached_property
    def publishers(self) -> Publishers:
        """The trusted publishers of a namespace."""
        from entrepot.client.federation import Publishers

        return Publishers(self.connection)

    @cached_property
    def packages(self) -> Packages:
        """What the registry holds."""
        from entrepot.client.packages import Packages

        return Packages(self.connection)

    @cached_property
    def attestations(self) -> Attestations:
        """What is said of artifacts."""
        from entrepot.client.attestations import Attestations

        return Attestations(self.connection, self.packages, lambda target: self._oci(target, None))

    @cached_property
    def signers(self) -> Signers:
        """Whom namespaces believe."""
        from entrepot.client.attestations import Signers

        return Signers(self.connection)

    @cached_property
    def advisories(self) -> Advisories:
        """What is known to be bad."""
        from entrepot.client.advisories import Advisories

        return Advisories(self.connection)

    @cached_property
    def assessments(self) -> Assessments:
        """What others say of flaws."""
        from entrepot.client.assessments import Assessments

        return Assessments(self.connection, self.packages)

    @cached_property
    def log(self) -> Log:
        """The log of a registry's journal."""
        from entrepot.client.log import Log

        return Log(self.connection)

    @cached_property
    def collection(self) -> Collection:
        """What goes when nobody can reach it."""
        from entrepot.client.collection import Collection

        return Collection(self.connection)

    @cached_property
    def usage(self) -> Usages:
        """What is taken up, and how much may be."""
        from entrepot.client.usage import Usages

        return Usages(self.connection, self.packages)

    @cached_property
    def retention(self) -> Retentions:
        """What stays, and what goes."""
        from entrepot.client.retention import Retentions

        return Retentions(self.connection, self.packages)

    @cached_property
    def tiers(self) -> Tiers:
        """Where things lie."""
        from entrepot.client.tiers import Tiers

        return Tiers(self.connection, self.packages)

    @cached_property
    def trash(self) -> Trash:
        """What was deleted."""
        from entrepot.client.trash import Trash

        return Trash(self.connection, self.packages)

    @cached_property
    def erasures(self) -> Erasures:
        """What is erased."""
        from entrepot.client.erasures import Erasures

        return Erasures(self.connection)

    @cached_property
    def webhooks(self) -> Webhooks:
        """The webhooks of a registry, and of its namespaces."""
        from entrepot.client.webhooks import Webhooks

        return Webhooks(self.connection)

    @cached_property
    def policies(self) -> Policies:
        """What namespaces demand at their doors."""
        from entrepot.client.promotions import Policies

        return Policies(self.connection, self.packages)

    @cached_property
    def promotions(self) -> Promotions:
        """How artifacts come into channels, and what keeps them out."""
        from entrepot.client.promotions import Promotions

        return Promotions(self.connection, self.packages)

    @cached_property
    def deployments(self) -> Deployments:
        """What runs where."""
        from entrepot.client.deployments import Deployments

        return Deployments(self.connection, self.packages)

    @cached_property
    def holds(self) -> Holds:
        """What is kept until a time, or until somebody lets it go."""
        from entrepot.client.deployments import Holds

        return Holds(self.connection, self.packages)

    @cached_property
    def secrets(self) -> Secrets:
        """Secrets in what was published."""
        from entrepot.client.secrets import Secrets

        return Secrets(self.connection, self.packages)

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
        from entrepot.client.upload import collect_sources

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
        digest, pushed = package.push(sources, annotations or {}, artifact_type=artifact_type, media_type=media_type)
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
        from entrepot.client.files import Files

        transfers, sessions = self._transfers(progress)
        return Files(transfers.patient(self.connection), transfers, target, sessions)

    def _oci(self, target: Address, progress: ProgressListener | None) -> OciPackage:
        from entrepot.client.oci import OciPackage

        transfers, sessions = self._transfers(progress)
        return OciPackage(transfers.patient(self.connection), transfers, target, sessions)

    def _transfers(self, progress: ProgressListener | None) -> tuple[Transfers, SessionStore]:
        from entrepot.client.transfer import Transfers
        from entrepot.client.upload import SessionStore

        return Transfers(self._parallel, progress), SessionStore.of(self._environment)


def _parse(address: Address | str, format: str | None) -> Address:
    if isinstance(address, str):
        return Address.parse(address, format=format)
    return address if format is None else address.of(format)
