"""The simple repository API, version 1.4: a project, or the list of projects, as JSON or HTML.

PEP 503 (HTML), 592 (yanked), 629 (version), 658 and 714 (metadata), 691 (JSON), 700 (sizes, times, versions),
740 (provenance), 792 (status).
Files have relative addresses, so a page is the same by whatever name the registry is called, but for provenance,
whose address has to be absolute.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from entrepot.formats.pypi.negotiation import MediaType
from entrepot.formats.pypi.status import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.formats.pypi.project import Project, ProjectFile
    from entrepot.model.names import PackageName

API_VERSION: Final = "1.4"
_HEAD: Final = (
    '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
    f'<meta name="pypi:repository-version" content="{API_VERSION}">\n'
)


def render_project(project: Project, kind: MediaType, root: str) -> bytes:
    """A project's page. *root* is the absolute address of the view that it is read through."""
    if kind is MediaType.JSON:
        return msgspec.json.encode(_project_json(project, root))
    return _project_html(project, root).encode()


def render_projects(names: Sequence[PackageName], kind: MediaType) -> bytes:
    """The page of all projects."""
    if kind is MediaType.JSON:
        return msgspec.json.encode(
            {"meta": {"api-version": API_VERSION}, "projects": [{"name": name} for name in names]}
        )
    links = "".join(f'<a href="{name}/">{name}</a><br>\n' for name in names)
    return f"{_HEAD}<title>Simple index</title>\n</head>\n<body>\n{links}</body>\n</html>\n".encode()


def file_address(file: ProjectFile, project: PackageName) -> str:
    """Where a file is, below the view."""
    return f"files/{project}/{quote(file.release, safe='')}/{quote(file.filename, safe='')}"


def provenance_address(file: ProjectFile, project: PackageName) -> str:
    """Where a file's provenance is, below the view."""
    return f"integrity/{project}/{quote(file.version, safe='')}/{quote(file.filename, safe='')}/provenance"


def _project_json(project: Project, root: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "meta": {"api-version": API_VERSION, "_last-serial": project.revision},
        "name": project.name,
        "versions": project.versions,
        "files": [_file_json(file, project.name, root) for file in project.offered],
    }
    if project.status.status is not Status.ACTIVE or project.status.reason:
        status = {"status": project.status.status.value}
        document["project-status"] = status | ({"reason": project.status.reason} if project.status.reason else {})
    return document


def _file_json(file: ProjectFile, project: PackageName, root: str) -> dict[str, Any]:
    metadata = False if file.metadata_sha256 is None else {"sha256": file.metadata_sha256}
    document: dict[str, Any] = {
        "filename": file.filename,
        "url": f"../../{file_address(file, project)}",
        "hashes": {"sha256": file.sha256},
        "core-metadata": metadata,
        "yanked": False if file.yanked is None else file.yanked or True,
    }
    # What is not there need not be said of each of a thousand files.
    if file.signed:
        document["gpg-sig"] = True
    if file.attested:
        document["provenance"] = f"{root}/{provenance_address(file, project)}"
    if file.size is not None:
        document["size"] = file.size
    if file.requires_python is not None:
        document["requires-python"] = file.requires_python
    if file.uploaded_at is not None:
        document["upload-time"] = f"{file.uploaded_at:%Y-%m-%dT%H:%M:%S.%fZ}"
    return document


def _project_html(project: Project, root: str) -> str:
    status = project.status
    said = f'<meta name="pypi:project-status" content="{status.status}">\n'
    if status.reason:
        said += f'<meta name="pypi:project-status-reason" content="{escape(status.reason)}">\n'
    links = "".join(_file_html(file, project.name, root) for file in project.offered)
    return (
        f"{_HEAD}{said}<title>Links for {project.name}</title>\n</head>\n<body>\n<h1>Links for {project.name}</h1>\n"
        f"{links}</body>\n</html>\n"
    )


def _file_html(file: ProjectFile, project: PackageName, root: str) -> str:
    attributes = {"href": f"../../{file_address(file, project)}#sha256={file.sha256}"}
    if file.requires_python is not None:
        attributes["data-requires-python"] = file.requires_python
    if file.metadata_sha256 is not None:
        attributes["data-core-metadata"] = f"sha256={file.metadata_sha256}"
        attributes["data-dist-info-metadata"] = f"sha256={file.metadata_sha256}"
    if file.yanked is not None:
        attributes["data-yanked"] = file.yanked
    if file.signed:
        attributes["data-gpg-sig"] = "true"
    if file.attested:
        attributes["data-provenance"] = f"{root}/{provenance_address(file, project)}"
    written = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    return f"<a {written}>{escape(file.filename)}</a><br>\n"
