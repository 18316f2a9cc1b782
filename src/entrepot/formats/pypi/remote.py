"""What another index says of a project, as JSON (PEP 691) or HTML (PEP 503), read with mistrust."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import msgspec

from entrepot.formats.pypi.project import ProjectFile
from entrepot.formats.pypi.rules import FileType, parse_filename
from entrepot.formats.pypi.status import ProjectStatus, Status
from entrepot.model.errors import InvalidName, InvalidReference, UpstreamInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from entrepot.formats.pypi.rules import Filename

_JSON: Final = "application/vnd.pypi.simple.v1+json"
_HTML: Final = ("application/vnd.pypi.simple.v1+html", "text/html")
ACCEPT: Final = {"accept": f"{_JSON}, {_HTML[0]};q=0.2, text/html;q=0.1"}
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_REMEMBERED: Final = 256


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
    provenance: str | None = None
    """Where its attestations are (PEP 740)."""

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
            attested=self.provenance is not None,
            python_version=name.python,
        )


@dataclass(frozen=True, slots=True)
class RemotePage:
    """What another index says of a project."""

    files: Mapping[str, RemoteFile]
    """By name."""
    status: ProjectStatus


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
    provenance: str | None = None


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
            _join(url, each.url),
            sha256=each.hashes.get("sha256"),
            size=each.size,
            requires_python=each.requires_python,
            metadata=each.core_metadata if each.core_metadata is not None else each.dist_info_metadata,
            yanked=each.yanked,
            uploaded_at=each.upload_time,
            provenance=_join(url, each.provenance),
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


def _join(base: str, reference: str | None) -> str | None:
    """Where something is that a page names; None when that is no address."""
    try:
        return urljoin(base, reference) if reference else None
    except ValueError:
        return None


def _remote(
    name: str,
    url: str | None,
    *,
    sha256: str | None,
    size: int | None,
    requires_python: str | None,
    metadata: bool | Mapping[str, str] | None,
    yanked: bool | str,
    uploaded_at: datetime | None,
    provenance: str | None,
) -> RemoteFile | None:
    try:
        filename = parse_filename(name)
    except (InvalidName, InvalidReference):
        return None  # An egg, an installer, or worse.
    if url is None or sha256 is None or _SHA256.fullmatch(sha256.lower()) is None or (size is not None and size < 0):
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
        provenance=provenance,
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
                provenance=_join(self._base, said.get("data-provenance")),
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
