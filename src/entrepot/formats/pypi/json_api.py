"""The JSON API: a project, or one release of it, with the core metadata and the files.

It has no specification but its documentation; audit tools and bots read it.
``releases``, which is deprecated there, is in a project's document alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from packaging.version import Version

from entrepot.formats.pypi.simple import file_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.formats.pypi.project import Project, ProjectFile, ProjectRelease

NOT_FOUND: Final = {"message": "Not Found"}

_TEXTS: Final = (
    "author",
    "author_email",
    "description_content_type",
    "download_url",
    "home_page",
    "keywords",
    "license",
    "license_expression",
    "maintainer",
    "maintainer_email",
    "requires_python",
    "summary",
)
_LISTS: Final = ("classifiers", "requires_dist", "provides_extra", "platform", "license_files", "dynamic")


def newest_release(project: Project) -> ProjectRelease | None:
    """The release that a project's document describes: the newest, if possible not yanked and no pre-release."""
    return max(
        project.releases,
        key=lambda release: (
            release.yanked is None,
            not Version(release.version).is_prerelease,
            Version(release.version),
        ),
        default=None,
    )


def render_json(project: Project, release: ProjectRelease | None, description: str, root: str, *, whole: bool) -> bytes:
    """The document of *release*, with all releases' files when it stands for the *whole* project."""
    files = [] if release is None else [file for file in project.offered if file.release == release.name]
    document: dict[str, Any] = {
        "info": _info(project, release, description),
        "last_serial": project.revision,
        "urls": _files(files, project, root),
        "vulnerabilities": [],
    }
    if whole:
        document["releases"] = {
            version: _files([file for file in project.offered if file.version == version], project, root)
            for version in project.versions
        }
    return msgspec.json.encode(document)


def _info(project: Project, release: ProjectRelease | None, description: str) -> dict[str, Any]:
    fields = {} if release is None else release.info
    links = [str(link) for link in fields.get("project_urls", ())]
    info: dict[str, Any] = {name: fields.get(name) for name in _TEXTS}
    info |= {name: fields.get(name) for name in _LISTS}
    info["name"] = project.name if release is None else release.display_name
    info["version"] = None if release is None else release.version
    info["description"] = description
    info["project_urls"] = {
        label.strip(): url.strip() for label, _, url in (link.partition(",") for link in links)
    } or None
    yanked = None if release is None else release.yanked
    info["yanked"] = yanked is not None
    info["yanked_reason"] = yanked or None
    info["project_status"] = {"status": project.status.status, "reason": project.status.reason or None}
    return info


def _files(files: Sequence[ProjectFile], project: Project, root: str) -> list[dict[str, Any]]:
    return [
        {
            "filename": file.filename,
            "url": f"{root}/{file_address(file, project.name)}",
            "digests": {"sha256": file.sha256, **file.other_digests},
            "md5_digest": file.other_digests.get("md5"),
            "size": file.size,
            "packagetype": file.filetype,
            "python_version": file.python_version,
            "requires_python": file.requires_python,
            "upload_time": None if file.uploaded_at is None else f"{file.uploaded_at:%Y-%m-%dT%H:%M:%S}",
            "upload_time_iso_8601": None if file.uploaded_at is None else f"{file.uploaded_at:%Y-%m-%dT%H:%M:%S.%fZ}",
            "has_sig": file.signed,
            "yanked": file.yanked is not None,
            "yanked_reason": file.yanked or None,
            "core-metadata": False if file.metadata_sha256 is None else {"sha256": file.metadata_sha256},
        }
        for file in files
    ]
