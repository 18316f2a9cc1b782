"""Zips of modules, made without the go command: also wrong ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

MODULE = "example.com/greet"


def zipped(members: Mapping[str, bytes | zipfile.ZipInfo]) -> bytes:
    """A zip; a member may be a header of any kind instead of a file's content."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in members.items():
            if isinstance(content, zipfile.ZipInfo):
                content.filename = path
                archive.writestr(content, b"target")
            else:
                archive.writestr(zipfile.ZipInfo(path), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def module(
    path: str = MODULE,
    version: str = "v1.0.0",
    files: Mapping[str, bytes | zipfile.ZipInfo] | None = None,
    *,
    go_mod: bytes | None = b"",
) -> bytes:
    """A module's zip; ``go_mod=None`` leaves its go.mod out."""
    prefix = f"{path}@{version}/"
    members: dict[str, bytes | zipfile.ZipInfo] = {f"{prefix}greet.go": b"package greet\n"}
    if go_mod is not None:
        members[f"{prefix}go.mod"] = go_mod or f"module {path}\n\ngo 1.20\n".encode()
    members |= {prefix + name: content for name, content in (files or {}).items()}
    return zipped(members)
