"""Charts made from nothing, as ``helm package`` would make them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any


def packed(files: Mapping[str, bytes], *links: str) -> bytes:
    """A compressed tar of *files*; *links* are symbolic ones."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for path in links:
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, "Chart.yaml"
            archive.addfile(entry)
    return gzip.compress(buffer.getvalue(), mtime=0)


def chart(name: str = "web", version: str = "1.0.0", *, values: str = "", **fields: Any) -> bytes:
    """A chart; *fields* are further ones of ``Chart.yaml``, or others for those that every chart has."""
    metadata = {"apiVersion": "v2", "name": name, "version": version, **fields}
    return packed({f"{name}/Chart.yaml": json.dumps(metadata).encode(), f"{name}/values.yaml": values.encode()})


def provenance(content: bytes, name: str = "web", version: str = "1.0.0", *, file: str | None = None) -> bytes:
    """What ``helm package --sign`` writes beside a chart, but for a true signature."""
    file = file or f"{name}-{version}.tgz"
    return (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"
        f"apiVersion: v2\nname: {name}\nversion: {version}\n\n...\n"
        f"files:\n  {file}: sha256:{hashlib.sha256(content).hexdigest()}\n"
        "-----BEGIN PGP SIGNATURE-----\n\nwsBcBAEBCgAQBQ==\n=abcd\n-----END PGP SIGNATURE-----\n"
    ).encode()
