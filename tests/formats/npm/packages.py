"""Packages as npm's clients publish them: the tarball, and the JSON around it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any


def tarball(
    name: str = "tool",
    version: str = "1.0.0",
    *,
    files: Mapping[str, bytes] | None = None,
    folder: str = "package",
    **manifest: Any,
) -> bytes:
    """A gzipped tar of a ``package.json`` with *manifest* in it, and of further *files*."""
    content = json.dumps({"name": name, "version": version, **manifest}).encode()
    return packed({f"{folder}/package.json": content, **(files or {})})


def packed(files: Mapping[str, bytes]) -> bytes:
    """A gzipped tar, the same for the same files."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def dist(content: bytes) -> dict[str, Any]:
    """The sums that clients send with a tarball."""
    return {
        "shasum": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
        "integrity": f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}",
        "tarball": "http://registry.example.com/wherever.tgz",
    }


def attached(content: bytes) -> dict[str, Any]:
    """A file as an attachment."""
    return {
        "content_type": "application/octet-stream",
        "data": base64.b64encode(content).decode(),
        "length": len(content),
    }


def publication(
    name: str = "tool",
    version: str = "1.0.0",
    *,
    content: bytes | None = None,
    tag: str = "latest",
    changes: Mapping[str, Any] | None = None,
    said: Mapping[str, Any] | None = None,
    **manifest: Any,
) -> dict[str, Any]:
    """The body of ``npm publish``.

    *manifest* is in the tarball and outside; *said* outside alone; *changes* are of the whole body.
    """
    content = tarball(name, version, **manifest) if content is None else content
    document = {
        "_id": name,
        "name": name,
        "dist-tags": {tag: version},
        "versions": {version: {"name": name, "version": version, **manifest, "dist": dist(content), **(said or {})}},
        "access": None,
        "_attachments": {f"{name}-{version}.tgz": attached(content)},
    }
    return {**document, **(changes or {})}


def bundle(name: str, version: str, content: bytes) -> str:
    """A Sigstore bundle about a tarball; its signature is nobody's."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": f"pkg:npm/{name}@{version}", "digest": {"sha512": hashlib.sha512(content).hexdigest()}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {},
    }
    envelope = {
        "payload": base64.b64encode(json.dumps(statement).encode()).decode(),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": "AA==", "keyid": ""}],
    }
    return json.dumps({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": envelope})
