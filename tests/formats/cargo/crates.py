"""Crates, and the requests that publish them, made without Cargo: also wrong ones."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Made:
    """A crate, and what is announced of it."""

    announcement: Mapping[str, Any]
    crate: bytes

    def body(self, **changes: Any) -> bytes:
        """The body of the request that publishes it, *changes* made to what is announced."""
        return frame(json.dumps({**self.announcement, **changes}).encode(), self.crate)


def frame(announcement: bytes, crate: bytes) -> bytes:
    """Both with their lengths."""
    return len(announcement).to_bytes(4, "little") + announcement + len(crate).to_bytes(4, "little") + crate


@dataclass(frozen=True)
class Needs:
    """A dependency, as an author writes it in Cargo.toml."""

    name: str
    version: str = "1.0"
    kind: str = "normal"
    target: str | None = None
    package: str | None = None
    optional: bool = False
    default_features: bool = True
    features: Sequence[str] = field(default_factory=tuple)
    registry: str | None = None

    def toml(self) -> str:
        section = {"normal": "dependencies", "build": "build-dependencies", "dev": "dev-dependencies"}[self.kind]
        target = "" if self.target is None else f"target.'{self.target}'."
        lines = [f"[{target}{section}.{self.name}]", f'version = "{self.version}"']
        if self.package:
            lines.append(f'package = "{self.package}"')
        if self.optional:
            lines.append("optional = true")
        if not self.default_features:
            lines.append("default-features = false")
        if self.features:
            lines.append(f"features = {json.dumps(list(self.features))}")
        return "\n".join(lines) + "\n"

    def announced(self) -> dict[str, Any]:
        return {
            "name": self.package or self.name,
            "version_req": self.version if self.version[0] in "^~=<>*" else f"^{self.version}",
            "features": list(self.features),
            "optional": self.optional,
            "default_features": self.default_features,
            "target": self.target,
            "kind": self.kind,
            "registry": self.registry,
            "explicit_name_in_toml": self.name if self.package else None,
        }


def crate(
    name: str = "hello",
    version: str = "1.0.0",
    *needs: Needs,
    features: Mapping[str, Sequence[str]] | None = None,
    files: Mapping[str, bytes] | None = None,
    manifest: str | None = None,
    **package: str,
) -> Made:
    """A crate; *manifest* replaces its Cargo.toml, *files* are put beside that."""
    lines = ["[package]", f'name = "{name}"', f'version = "{version}"']
    lines += [f"{key.replace('_', '-')} = {json.dumps(value)}" for key, value in package.items()]
    text = "\n".join(lines) + "\n" + "".join(need.toml() for need in needs)
    if features:
        text += "[features]\n" + "".join(f"{key} = {json.dumps(list(value))}\n" for key, value in features.items())
    folder = f"{name}-{version}"
    members = {f"{folder}/Cargo.toml": (manifest or text).encode(), f"{folder}/src/lib.rs": b"// nothing\n"}
    members |= {f"{folder}/{path}": content for path, content in (files or {}).items()}
    announcement = {
        "name": name,
        "vers": version,
        "deps": [need.announced() for need in needs],
        "features": {key: list(value) for key, value in (features or {}).items()},
        "authors": [],
        "description": package.get("description"),
        "documentation": None,
        "homepage": None,
        "readme": None,
        "readme_file": None,
        "keywords": [],
        "categories": [],
        "license": package.get("license"),
        "license_file": None,
        "repository": None,
        "badges": {},
        "links": package.get("links"),
        "rust_version": package.get("rust_version"),
    }
    return Made(announcement, packed(members))


def packed(members: Mapping[str, bytes | tarfile.TarInfo]) -> bytes:
    """A gzipped tar; a member may be a header of any kind instead of a file's content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                content.name = path
                archive.addfile(content)
                continue
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0)
