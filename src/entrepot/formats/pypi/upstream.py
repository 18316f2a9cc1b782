"""Read through to another index: its project pages become ours, and its files are fetched when they are wanted.

A page is asked for as JSON (PEP 691) and taken as HTML (PEP 503) from those who have nothing else.
Only files that the page gives a sha256 for are shown: nobody could tell whether the others are what they should be.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from entrepot.formats.pypi import attestations as attesting
from entrepot.formats.pypi.distributions import METADATA_SIZE, Distribution, read_distribution
from entrepot.formats.pypi.remote import ACCEPT, RemoteFile, RemotePage, read_page
from entrepot.formats.pypi.rules import PYPI, RULES, parse_filename, parse_version
from entrepot.formats.pypi.uploads import Hashing, Received, publish_file
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    Conflict,
    Invalid,
    ReferenceUnknown,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from entrepot.model.names import PackageId
from entrepot.operations.fetch_file import Arrival, Landing, Wanted, fetch_file
from entrepot.operations.mirror import Answer, Question, ask, ask_first, hidden_versions
from entrepot.operations.registry import Fetched, Listed, Probe, Wish
from entrepot.operations.upstreams import is_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import BinaryIO

    from entrepot.formats.pypi.project import Project, ProjectFile
    from entrepot.formats.pypi.rules import Filename
    from entrepot.formats.pypi.status import ProjectStatus
    from entrepot.model.access import Caller
    from entrepot.model.names import View
    from entrepot.model.upstream import Upstream
    from entrepot.operations.registry import Registry
    from entrepot.operations.upload import StoredBlob

_PIECE: Final = 1024 * 1024
_LINK: Final = re.compile(r"""<a\s[^<>]*?href\s*=\s*["']([^"'<>]{1,500})["'][^<>]*>([^<>]{1,500})</a""", re.IGNORECASE)
_INTERACTIVE: Final = re.compile(r"<(?:form|script)\b", re.IGNORECASE)
_SEPARATORS: Final = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True)
class RemoteProject:
    """What of another index's project is shown."""

    upstream: Upstream
    package: PackageId
    files: Mapping[str, RemoteFile]
    status: ProjectStatus
    shown: str
    """Another one whenever something else is shown of the same page."""
    stale: str | None

    def joined(self, project: Project) -> Project:
        """What is stored here and what is there, as one project: what is stored stays as it is."""
        known = {file.filename for file in project.files}
        files = [
            _marked(file, self.files[file.filename]) if file.filename in self.files else file for file in project.files
        ]
        files += [file.listed() for name, file in self.files.items() if name not in known]
        files.sort(key=lambda file: (parse_filename(file.filename).version, file.filename))
        return replace(project, files=files, status=self.status)


def _marked(stored: ProjectFile, remote: RemoteFile) -> ProjectFile:
    """What is stored, and what the other index thinks of it now."""
    return replace(stored, yanked=remote.yanked, attested=stored.attested or remote.provenance is not None)


async def read_remote(registry: Registry, caller: Caller, view: View, package: PackageId) -> RemoteProject | None:
    """What upstreams have of a project that the caller may read; None when there is nothing, or nobody to ask.

    Raises `UpstreamUnavailable`, `UpstreamInvalid`, or what `access.require_read` raises.
    """
    question = Question(f"/{package.name}/", ACCEPT, versions=_versions)
    answer = await ask_first(registry, caller, view, package, question)
    return None if answer is None else await _shown(registry, package, answer)


async def _shown(registry: Registry, package: PackageId, answer: Answer) -> RemoteProject:
    page = read_page(answer.content, answer.media_type, answer.url)
    hidden = await hidden_versions(registry, answer.upstream, package, _versions_of(page))
    files = {
        name: file
        for name, file in page.files.items()
        if str(file.filename.version) not in hidden and file.filename.project == package.name
    }
    shown = hashlib.sha256(repr((answer.upstream.name, answer.url, sorted(hidden))).encode()).hexdigest()[:16]
    return RemoteProject(answer.upstream, package, files, page.status, shown, answer.stale)


def _versions(content: bytes, media_type: str) -> Mapping[str, datetime | None]:
    return _versions_of(read_page(content, media_type, ""))


def _versions_of(page: RemotePage) -> dict[str, datetime | None]:
    """Each version with the time of its first file, as far as all its files have one."""
    found: dict[str, datetime | None] = {}
    for file in page.files.values():
        version = str(file.filename.version)
        known = found.get(version, file.uploaded_at)
        found[version] = None if known is None or file.uploaded_at is None else min(known, file.uploaded_at)
    return found


# --- files ---


async def fetch_remote(registry: Registry, project: RemoteProject, file: RemoteFile) -> Arrival:
    """Fetch a file, which becomes part of its release here. Raises like `fetch_file`."""
    wanted = Wanted(file.url, file.filename.text, file.size, {"sha256": bytes.fromhex(file.sha256)})
    key = ("provenance", project.upstream.namespace, project.upstream.name, file.provenance)
    if file.provenance is not None and not registry.flights.runs(key):
        # It comes while the file does.
        registry.flights.begin(key, file, partial(_find_attestations, registry, project, file))
    return await fetch_file(registry, project.upstream, project.package, wanted, _landing(registry, project, file))


def _landing(
    registry: Registry, project: RemoteProject, file: RemoteFile
) -> Landing[tuple[Distribution, Mapping[str, bytes]]]:
    async def publish(caller: Caller, blob: StoredBlob, found: tuple[Distribution, Mapping[str, bytes]]) -> None:
        distribution, digests = found
        received = Received(file.filename, project.package, blob, distribution, digests)
        beside = {
            attesting.path_of(file.filename.text, each): each
            for each in await _find_attestations(registry, project, file)
        }
        try:
            await publish_file(registry, caller, received, beside)
        except Conflict:
            if not beside:
                raise
            # A release that was deleted comes back as it was: there may be more attestations by now.
            await publish_file(registry, caller, received)

    return Landing(partial(_look_into, filename=file.filename), publish)


def _look_into(file: BinaryIO, filename: Filename) -> tuple[Distribution, Mapping[str, bytes]]:
    distribution = read_distribution(file, filename, tidy=False)
    hashing = Hashing()
    file.seek(0)
    while piece := file.read(_PIECE):
        hashing.update(piece)
    return distribution, hashing.digests()


def _is_index(head: bytes) -> bool:
    """Whether a list of projects begins so: JSON, or links that are called like the folders that they lead to."""
    if head.lstrip()[:1] == b"{":
        return b'"projects"' in head
    text = head.decode("utf-8", "replace")
    links = _LINK.findall(text)
    if not links:
        return b"pypi:repository-version" in head or (is_page(head) and _INTERACTIVE.search(text) is None)
    alike = [_alike(unquote(urlsplit(address).path.rstrip("/").rpartition("/")[2]), name) for address, name in links]
    return sum(alike) * 2 > len(alike)


def _alike(one: str, other: str) -> bool:
    return _SEPARATORS.sub("-", one.strip().lower()) == _SEPARATORS.sub("-", other.strip().lower())


class PypiReadThrough:
    """What is asked of this format when no client of its own is asking."""

    probe = Probe("/", is_answer=_is_index)
    """The list of all projects (PEP 503)."""

    async def list_versions(self, registry: Registry, caller: Caller, view: View, name: str) -> Listed | None:
        """As `entrepot.operations.registry.ReadThrough` says."""
        remote = await read_remote(registry, caller, view, _package(view, name))
        if remote is None:
            return None
        return Listed(list(dict.fromkeys(str(file.filename.version) for file in remote.files.values())), remote.stale)

    async def fetch(self, registry: Registry, caller: Caller, wish: Wish) -> Sequence[Fetched]:
        """As `entrepot.operations.registry.ReadThrough` says: each wheel and source of the release."""
        package = _package(wish.view, wish.name)
        remote = await read_remote(registry, caller, wish.view, package)
        release = parse_version(wish.version)
        files = [] if remote is None else [file for file in remote.files.values() if file.filename.version == release]
        if remote is None or not files:
            raise ReferenceUnknown(wish.version)
        fetched = []
        for file in wish.select((file, [f"sha256:{file.sha256}"]) for file in files):
            stored = await registry.catalog.find_blob(wish.view, package, Digest("sha256", file.sha256))
            blob = stored or await (await fetch_remote(registry, remote, file)).blob
            fetched.append(Fetched(file.filename.text, blob.digest, blob.size))
        return fetched


def _package(view: View, name: str) -> PackageId:
    return PackageId(view.namespace, PYPI, RULES.normalize(name))


async def fetch_metadata(registry: Registry, project: RemoteProject, file: RemoteFile) -> bytes | None:
    """The metadata beside a file (PEP 658), without the file; None when there is none.

    Raises `UpstreamUnavailable`, `UpstreamInvalid`.
    """
    if file.metadata_sha256 is None:
        return None
    question = Question(f"{file.url}.metadata", limit=METADATA_SIZE, sha256=file.metadata_sha256)
    answer = await ask(registry, project.upstream, project.package, question)
    return None if answer is None else answer.content


# --- attestations ---


async def fetch_provenance(registry: Registry, project: RemoteProject, file: RemoteFile) -> bytes | None:
    """What the upstream says of a file's provenance (PEP 740), with who it says published; None when there is nothing.

    Raises `UpstreamUnavailable`, `UpstreamInvalid`, also when it is not about that very file.
    """
    if file.provenance is None:
        return None
    question = Question(
        file.provenance,
        {"accept": attesting.PROVENANCE_TYPE},
        limit=attesting.FIELD_SIZE,
        versions=partial(_check_provenance, file=file),
        indexes=False,
    )
    answer = await ask(registry, project.upstream, project.package, question)
    return None if answer is None else answer.content


async def _find_attestations(registry: Registry, project: RemoteProject, file: RemoteFile) -> Sequence[bytes]:
    """What becomes part of the release beside the file: nothing where the upstream fails, for no installer needs it."""
    try:
        content = await fetch_provenance(registry, project, file)
    except (UpstreamUnavailable, UpstreamInvalid):
        return ()
    return () if content is None else attesting.read_provenance(content)


def _check_provenance(content: bytes, _: str, *, file: RemoteFile) -> Mapping[str, datetime | None]:
    """Only what can be read, and is about that very file, is kept. It tells of no versions."""
    try:
        found = attesting.read_provenance(content)
        attesting.check_subjects(found, file.filename, Digest("sha256", file.sha256))
    except Invalid as error:
        raise UpstreamInvalid(f"the provenance of {file.filename.text}", expected=str(error)) from error
    return {}
