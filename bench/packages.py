"""Packages of each language, small but whole, as their clients upload them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

_BOUNDARY = "bench-7d81c4b0"
FORM_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"
_WHEEL = "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\n"
_WHEEL_TAG = "py3-none-any"


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel, and the form that uploads it."""

    project: str
    version: str
    filename: str
    content: bytes
    metadata: bytes
    form: bytes

    @classmethod
    def of(cls, project: str, version: str, size: int = 0, build: int = 0) -> Wheel:
        """One that holds a module and what every wheel must have, filled up with noise to *size* if that is given.

        A version may have several, whose *build* is another.
        """
        base = f"{project}-{version}"
        info = f"{base}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\nSummary: Measured\n\n".encode()
        members = {
            f"{project}.py": f"VERSION = {version!r}\n".encode(),
            f"{info}/METADATA": metadata,
            f"{info}/WHEEL": (_WHEEL + f"Tag: {_WHEEL_TAG}\n" + (f"Build: {build}\n" if build else "")).encode(),
        }
        noise = f"{project}.bin"
        paths = [*members, f"{info}/RECORD", *([noise] if size else [])]
        members[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in paths).encode()
        content = _zipped(members)
        if size:
            framing = len(_zipped({**members, noise: b""}, stored=noise))
            content = _zipped({**members, noise: os.urandom(size - framing)}, stored=noise)
        filename = f"{base}-{build}-{_WHEEL_TAG}.whl" if build else f"{base}-{_WHEEL_TAG}.whl"
        return cls(project, version, filename, content, metadata, _form(project, version, filename, content))

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def metadata_sha256(self) -> str:
        return hashlib.sha256(self.metadata).hexdigest()


def _form(project: str, version: str, filename: str, content: bytes) -> bytes:
    """What twine sends."""
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "name": project,
        "version": version,
        "filetype": "bdist_wheel",
        "pyversion": "py3",
        "metadata_version": "2.1",
        "sha256_digest": hashlib.sha256(content).hexdigest(),
        "blake2_256_digest": hashlib.blake2b(content, digest_size=32).hexdigest(),
    }
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="content"; filename="{filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return b"".join([*parts, head.encode(), content, f"\r\n--{_BOUNDARY}--\r\n".encode()])


@dataclass(frozen=True, slots=True)
class Tarball:
    """A package of npm's clients."""

    name: str
    version: str
    content: bytes

    @classmethod
    def of(cls, name: str, version: str, size: int = 0) -> Tarball:
        """One with a ``package.json``, a script, and *size* bytes that cannot be compressed."""
        members = {
            "package/package.json": json.dumps(_package_json(name, version)).encode(),
            "package/index.js": f"module.exports = '{version}';\n".encode(),
        }
        if size:
            members["package/data.bin"] = os.urandom(size)
        return cls(name, version, _packed(members))

    @property
    def filename(self) -> str:
        return f"{self.name}-{self.version}.tgz"

    @property
    def integrity(self) -> str:
        return f"sha512-{base64.b64encode(hashlib.sha512(self.content).digest()).decode()}"

    def manifest(self, url: str) -> dict[str, object]:
        """What a packument says of it, when it is at *url*."""
        shasum = hashlib.sha1(self.content, usedforsecurity=False).hexdigest()
        dist = {"integrity": self.integrity, "shasum": shasum, "tarball": url}
        return {**_package_json(self.name, self.version), "_id": f"{self.name}@{self.version}", "dist": dist}

    def document(self) -> bytes:
        """What ``npm publish`` sends."""
        url = f"http://localhost/{self.name}/-/{self.filename}"
        attachment = {
            "content_type": "application/octet-stream",
            "data": base64.b64encode(self.content).decode(),
            "length": len(self.content),
        }
        document = {
            "_id": self.name,
            "name": self.name,
            "dist-tags": {"latest": self.version},
            "versions": {self.version: self.manifest(url)},
            "_attachments": {self.filename: attachment},
        }
        return json.dumps(document).encode()


def _package_json(name: str, version: str) -> dict[str, object]:
    """About as much as packages say."""
    return {
        "name": name,
        "version": version,
        "description": "A package that is measured",
        "main": "index.js",
        "license": "MIT",
        "repository": {"type": "git", "url": f"git+https://example.com/{name}.git"},
        "engines": {"node": ">=18"},
        "keywords": ["measured", "benchmark"],
    }


@dataclass(frozen=True, slots=True)
class Crate:
    """A crate of Cargo's."""

    name: str
    version: str

    def body(self) -> bytes:
        """What ``cargo publish`` sends."""
        needs = ("log", "serde", "rand")
        manifest = [f'[package]\nname = "{self.name}"\nversion = "{self.version}"\n']
        manifest += [f'[dependencies.{need}]\nversion = "1.0"\n' for need in needs]
        folder = f"{self.name}-{self.version}"
        members = {f"{folder}/Cargo.toml": "".join(manifest).encode(), f"{folder}/src/lib.rs": b"// nothing\n"}
        announcement: dict[str, object] = {
            "name": self.name,
            "vers": self.version,
            "deps": [{"name": need, "version_req": "^1.0", **_NEEDED} for need in needs],
            "features": {},
            "license": None,
        }
        parts = (json.dumps(announcement).encode(), _packed(members))
        return b"".join(len(part).to_bytes(4, "little") + part for part in parts)


_NEEDED = {"features": [], "optional": False, "default_features": True, "target": None, "kind": "normal"}


@dataclass(frozen=True, slots=True)
class Module:
    """A Go module at a version."""

    path: str
    version: str

    def zip(self) -> bytes:
        """What a module proxy keeps."""
        folder = f"{self.path}@{self.version}"
        return _zipped(
            {
                f"{folder}/go.mod": f"module {self.path}\n\ngo 1.20\n".encode(),
                f"{folder}/measured.go": f'package measured\n\nconst Version = "{self.version}"\n'.encode(),
            }
        )


def _zipped(members: Mapping[str, bytes], stored: str = "") -> bytes:
    """An archive, with the member *stored* as it is."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in members.items():
            archive.writestr(path, content, zipfile.ZIP_STORED if path == stored else None)
    return packed.getvalue()


def _packed(members: Mapping[str, bytes]) -> bytes:
    """A gzipped tar."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content in members.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)
