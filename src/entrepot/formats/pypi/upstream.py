"""Read through to another index: its project pages become ours, and its files are fetched when they are wanted.

A page is asked for as JSON (PEP 691) and taken as HTML (PEP 503) from those who have nothing else.
Only files that the page gives a sha256 for are shown: nobody could tell whether the others are what they should be.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import msgspec

from entrepot.formats.pypi.distributions import METADATA_SIZE, Distribution, read_distribution
from entrepot.formats.pypi.project import Project, ProjectFile
from entrepot.formats.pypi.rules import PYPI, RULES, FileType, parse_filename, parse_version
from entrepot.formats.pypi.status import ProjectStatus, Status
from entrepot.formats.pypi.uploads import Hashing, Received, publish_file
from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidName, InvalidReference, ReferenceUnknown, UpstreamInvalid
from entrepot.model.names import PackageId
from entrepot.operations import access
from entrepot.operations.fetch_file import Arrival, Landing, Wanted, fetch_file
from entrepot.operations.mirror import Answer, Question, ask, hidden_versions, upstreams_for
from entrepot.operations.registry import Fetched, Listed, Probe
from entrepot.operations.upstreams import is_page

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import BinaryIO

    from entrepot.formats.pypi.rules import Filename
    from entrepot.model.access import Caller
    from entrepot.model.names import View
    from entrepot.model.upstream import Upstream
    from entrepot.operations.registry import Registry
    from entrepot.operations.upload import StoredBlob

_JSON: Final = "application/vnd.pypi.simple.v1+json"
_HTML: Final = ("application/vnd.pypi.simple.v1+html", "text/html")
_ACCEPT: Final = {"accept": f"{_JSON}, {_HTML[0]};q=0.2, text/html;q=0.1"}
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_PIECE: Final = 1024 * 1024
_REMEMBERED: Final = 256
_LINK: Final = re.compile(r"""<a\s[^<>]*?href\s*=\s*["']([^"'<>]{1,500})["'][^<>]*>([^<>]{1,500})</a""", re.IGNORECASE)
_INTERACTIVE: Final = re.compile(r"<(?:form|script)\b", re.IGNORECASE)
_SEPARATORS: Final = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as another index lists it."""

    filename: Filename
    url: str
    sha256: str
    size: int | None
    requires_python: str | None
    metadata_sha256: str | None
    yanked: str | None
    uploaded_at: datetime | None

    def listed(self) -> ProjectFile:
        """The same as our index lists it."""
        name = self.filename
        return ProjectFile(
            filename=name.text,
            version=str(name.version),
            release=name.release,
            sha256=self.sha256,
            size=self.size,
            uploaded_at=self.uploaded_at,
            requires_python=self.requires_python,
            metadata_sha256=self.metadata_sha256 if name.kind is FileType.WHEEL else None,
            yanked=self.yanked,
            filetype=name.kind,
            python_version=name.python,
        )


@dataclass(frozen=True, slots=True)
class RemotePage:
    """What another index says of a project."""

    files: Mapping[str, RemoteFile]
    """By name."""
    status: ProjectStatus


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
            replace(file, yanked=self.files[file.filename].yanked) if file.filename in self.files else file
            for file in project.files
        ]
        files += [file.listed() for name, file in self.files.items() if name not in known]
        files.sort(key=lambda file: (parse_filename(file.filename).version, file.filename))
        return replace(project, files=files, status=self.status)


async def read_remote(registry: Registry, caller: Caller, view: View, package: PackageId) -> RemoteProject | None:
    """What upstreams have of a project that the caller may read; None when there is nothing, or nobody to ask.

    The first that has it counts, as long as those before it say that they have not.
    Raises `UpstreamUnavailable`, `UpstreamInvalid`, or what `access.require_read` raises.
    """
    upstreams = await upstreams_for(registry, view, package)
    if upstreams:
        await access.require_read(registry, caller, view, package)
    for upstream in upstreams:
        answer = await ask(registry, upstream, package, Question(f"/{package.name}/", _ACCEPT, versions=_versions))
        if answer is not None:
            return await _shown(registry, package, answer)
    return None


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
    return await fetch_file(registry, project.upstream, project.package, wanted, _landing(registry, project, file))


def _landing(
    registry: Registry, project: RemoteProject, file: RemoteFile
) -> Landing[tuple[Distribution, Mapping[str, bytes]]]:
    async def publish(caller: Caller, blob: StoredBlob, found: tuple[Distribution, Mapping[str, bytes]]) -> None:
        distribution, digests = found
        received = Received(file.filename, project.package, blob, distribution, digests)
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

    async def fetch(
        self,
        registry: Registry,
        caller: Caller,
        view: View,
        name: str,
        version: str,
        *,
        hashes: Collection[str] = (),
    ) -> Sequence[Fetched]:
        """As `entrepot.operations.registry.ReadThrough` says: each wheel and source of the release."""
        package = _package(view, name)
        remote = await read_remote(registry, caller, view, package)
        release = parse_version(version)
        files = [] if remote is None else [file for file in remote.files.values() if file.filename.version == release]
        if remote is None or not files:
            raise ReferenceUnknown(version)
        chosen = [file for file in files if not hashes or f"sha256:{file.sha256}" in hashes]
        if not chosen:
            raise UpstreamInvalid(f"{name[:200]} {version}", expected="a file with one of the hashes asked for")
        fetched = []
        for file in chosen:
            stored = await registry.catalog.find_blob(view, package, Digest("sha256", file.sha256))
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


# --- pages ---


@lru_cache(maxsize=_REMEMBERED)
def read_page(content: bytes, media_type: str, url: str) -> RemotePage:
    """Read a project's page, found at *url*. What is no distribution, or has no sha256, is passed over.

    Raises `UpstreamInvalid`.
    """
    if media_type == _JSON:
        return _read_json(content, url)
    if media_type in _HTML:
        return _read_html(content, url)
    raise UpstreamInvalid("the project's page", expected=f"{_JSON} or HTML", actual=media_type[:100])


class _JsonFile(msgspec.Struct, rename="kebab"):
    filename: str
    url: str
    hashes: dict[str, str] = {}
    size: int | None = None
    requires_python: str | None = None
    yanked: bool | str = False
    upload_time: datetime | None = None
    core_metadata: bool | dict[str, str] | None = None
    dist_info_metadata: bool | dict[str, str] | None = None


class _JsonStatus(msgspec.Struct):
    status: str = "active"
    reason: str = ""


class _JsonPage(msgspec.Struct, rename="kebab"):
    files: list[_JsonFile] = []
    project_status: _JsonStatus | str | None = None


def _read_json(content: bytes, url: str) -> RemotePage:
    try:
        page = msgspec.json.decode(content, type=_JsonPage)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamInvalid(f"the project's page: {error}", expected="JSON as in PEP 691") from error
    files = [
        _remote(
            each.filename,
            urljoin(url, each.url),
            sha256=each.hashes.get("sha256"),
            size=each.size,
            requires_python=each.requires_python,
            metadata=each.core_metadata if each.core_metadata is not None else each.dist_info_metadata,
            yanked=each.yanked,
            uploaded_at=each.upload_time,
        )
        for each in page.files
    ]
    status = page.project_status
    return _page(files, _JsonStatus(status) if isinstance(status, str) else status or _JsonStatus())


def _page(files: Sequence[RemoteFile | None], status: _JsonStatus) -> RemotePage:
    known = status.status if status.status in list(Status) else Status.ACTIVE
    return RemotePage(
        {file.filename.text: file for file in files if file is not None}, ProjectStatus(Status(known), status.reason)
    )


def _remote(
    name: str,
    url: str,
    *,
    sha256: str | None,
    size: int | None,
    requires_python: str | None,
    metadata: bool | Mapping[str, str] | None,
    yanked: bool | str,
    uploaded_at: datetime | None,
) -> RemoteFile | None:
    try:
        filename = parse_filename(name)
    except (InvalidName, InvalidReference):
        return None  # An egg, an installer, or worse.
    if sha256 is None or _SHA256.fullmatch(sha256.lower()) is None or (size is not None and size < 0):
        return None
    described = metadata.get("sha256", "") if not isinstance(metadata, bool) and metadata is not None else ""
    return RemoteFile(
        filename=filename,
        url=url,
        sha256=sha256.lower(),
        size=size,
        requires_python=requires_python,
        metadata_sha256=described.lower() if _SHA256.fullmatch(described.lower()) else None,
        yanked=None if yanked is False else "" if yanked is True else yanked,
        uploaded_at=None if uploaded_at is None or uploaded_at.tzinfo is None else uploaded_at,
    )


class _Anchors(HTMLParser):
    """The links of a page (PEP 503), and what its ``meta`` elements say."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._base = url
        self.files: list[RemoteFile | None] = []
        self.status = _JsonStatus()
        self.is_index = False
        """Whether it says that it is one (PEP 629)."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "base" and said.get("href"):
            self._base = urljoin(self._base, said["href"] or "")
        elif tag == "a" and said.get("href"):
            self._link(said)
        elif tag == "meta" and said.get("name") == "pypi:repository-version":
            self.is_index = True
        elif tag == "meta" and said.get("name") == "pypi:project-status":
            self.status.status = said.get("content") or "active"
        elif tag == "meta" and said.get("name") == "pypi:project-status-reason":
            self.status.reason = said.get("content") or ""

    def _link(self, said: Mapping[str, Any]) -> None:
        url, fragment = urldefrag(urljoin(self._base, said["href"]))
        algorithm, _, digest = fragment.partition("=")
        metadata = said.get("data-core-metadata", said.get("data-dist-info-metadata")) or ""
        name, _, value = metadata.partition("=")
        self.files.append(
            _remote(
                unquote(urlsplit(url).path.rpartition("/")[2]),
                url,
                sha256=digest if algorithm == "sha256" else None,
                size=None,
                requires_python=said.get("data-requires-python"),
                metadata={name: value},
                yanked=(said["data-yanked"] or "") if "data-yanked" in said else False,
                uploaded_at=None,
            )
        )


def _read_html(content: bytes, url: str) -> RemotePage:
    try:
        text = content.decode()
        anchors = _Anchors(url)
        anchors.feed(text)
        anchors.close()
    except (ValueError, AssertionError) as error:
        raise UpstreamInvalid("the project's page", expected="HTML in UTF-8 as in PEP 503") from error
    if not anchors.files and not anchors.is_index:
        # Somebody asks us to log in, or says that he is busy: nothing that the last good page should make way for.
        raise UpstreamInvalid("the project's page", expected="HTML with links, as in PEP 503")
    return _page(anchors.files, anchors.status)
