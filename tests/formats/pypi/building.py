"""Wheels, source distributions and upload forms, made as a test wants them: sound, unless it says otherwise."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

BOUNDARY = "boundary"
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
_TIME = (2026, 1, 2, 3, 4, 6)

Part = tuple[str, str | None, bytes]
"""Name, file name, content."""


@dataclass(frozen=True, slots=True)
class Built:
    """A file on its way to an index."""

    filename: str
    content: bytes
    metadata: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def fields(self) -> dict[str, str]:
        """What a client says of it."""
        wheel = self.filename.endswith(".whl")
        return {
            ":action": "file_upload",
            "protocol_version": "1",
            "filetype": "bdist_wheel" if wheel else "sdist",
            "sha256_digest": self.sha256,
        }

    def form(self, /, **fields: str | None) -> bytes:
        """The upload form, with other *fields* than these; None leaves one out."""
        said = {name: value for name, value in {**self.fields, **fields}.items() if value is not None}
        parts: list[Part] = [(name, None, value.encode()) for name, value in said.items()]
        return encode_form([*parts, ("content", self.filename, self.content)])


def encode_form(parts: Iterable[Part]) -> bytes:
    """A form as RFC 7578 has it."""
    lines = []
    for name, filename, content in parts:
        file = "" if filename is None else f'; filename="{filename}"'
        lines.append(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode())
        lines.append(content + b"\r\n")
    return b"".join([*lines, f"--{BOUNDARY}--\r\n".encode()])


def metadata(name: str = "tool", version: str = "1.0", *more: str, description: str = "It helps.\n") -> bytes:
    """METADATA or PKG-INFO; *more* are further headers."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", "Summary: A tool", *more]
    return ("\n".join(lines) + f"\n\n{description}").encode()


def wheel(
    name: str = "tool",
    version: str = "1.0",
    *more: str,
    tag: str = "py3-none-any",
    content: bytes = b"print('tool')\n",
    inside: Mapping[str, bytes | None] | None = None,
    filename: str | None = None,
    described: bytes | None = None,
) -> Built:
    """A wheel; *inside* changes members, by their paths (None takes one out), with ``{info}`` for ``.dist-info``."""
    distribution = f"{name.replace('-', '_')}-{version}"
    info = f"{distribution}.dist-info"
    described = metadata(name, version, *more) if described is None else described
    members: dict[str, bytes | None] = {
        f"{name.replace('-', '_')}.py": content,
        f"{info}/METADATA": described,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    members |= {path.format(info=info): data for path, data in (inside or {}).items()}
    present = {path: data for path, data in members.items() if data is not None}
    record = f"{info}/RECORD"
    if record not in members:
        present[record] = "".join(
            [*(_recorded(path, data) for path, data in present.items()), f"{record},,\n"]
        ).encode()
    return Built(filename or f"{distribution}-{tag}.whl", zipped(present), described)


def _recorded(path: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}\n"


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip archive, the same each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            archive.writestr(zipfile.ZipInfo(path, _TIME), data)
    return buffer.getvalue()


def tarred(members: Mapping[str, bytes]) -> bytes:
    """A gzipped tar archive, the same each time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, data in members.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)


def sdist(
    name: str = "tool",
    version: str = "1.0",
    *more: str,
    suffix: str = ".tar.gz",
    inside: Mapping[str, bytes | None] | None = None,
    filename: str | None = None,
) -> Built:
    """A source distribution; *inside* changes members, with ``{top}`` for its folder."""
    top = f"{name.replace('-', '_')}-{version}"
    described = metadata(name, version, *more)
    members: dict[str, bytes | None] = {f"{top}/PKG-INFO": described, f"{top}/setup.py": b"import setuptools\n"}
    members |= {path.format(top=top): data for path, data in (inside or {}).items()}
    present = {path: data for path, data in members.items() if data is not None}
    packed = tarred(present) if suffix == ".tar.gz" else zipped(present)
    return Built(filename or f"{top}{suffix}", packed, described)
