"""What a build deploys, made from nothing, and a client that sends it as Maven does."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from xml.etree import ElementTree as ET

import httpx

ROOT = "/maven/acme"


def pom(artifact: str = "lib", version: str = "1.0", group: str = "org.acme", *, more: str = "") -> bytes:
    """A POM; *more* are further elements."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<project xmlns="http://maven.apache.org/POM/4.0.0">\n'
        f"  <modelVersion>4.0.0</modelVersion>\n  <groupId>{group}</groupId>\n"
        f"  <artifactId>{artifact}</artifactId>\n  <version>{version}</version>\n{more}\n</project>\n"
    ).encode()


def jar(files: Mapping[str, str] | None = None) -> bytes:
    """A jar of some files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in (files or {"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n"}).items():
            archive.writestr(zipfile.ZipInfo(path), content)
    return buffer.getvalue()


def plugin(prefix: str) -> bytes:
    """A jar that is a plugin."""
    return jar(
        {"META-INF/maven/plugin.xml": f"<plugin><name>Says hello</name><goalPrefix>{prefix}</goalPrefix></plugin>"}
    )


async def put(client: httpx.AsyncClient, path: str, content: bytes = b"content", **options: str) -> httpx.Response:
    """Send one file."""
    return await client.put(f"{ROOT}/{path}", content=content, headers=options)


async def deploy(
    client: httpx.AsyncClient, version: str = "1.0", artifact: str = "lib", *, folder: str = "", content: bytes = b""
) -> None:
    """What ``mvn deploy`` sends for a jar: each file with its checksums, the POM behind the jar, metadata at last."""
    folder = folder or version
    base = f"org/acme/{artifact}"
    for extension, sent in (("jar", content or jar()), ("pom", pom(artifact, folder))):
        path = f"{base}/{folder}/{artifact}-{version}.{extension}"
        for answer in (
            await put(client, path, sent),
            await put(client, f"{path}.sha1", hashlib.sha1(sent, usedforsecurity=False).hexdigest().encode()),
            await put(client, f"{path}.md5", hashlib.md5(sent, usedforsecurity=False).hexdigest().encode()),
        ):
            assert answer.is_success, answer.text
    for suffix in ("", ".sha1", ".md5"):
        assert (await put(client, f"{base}/maven-metadata.xml{suffix}", b"<metadata/>")).is_success


async def build(client: httpx.AsyncClient, timestamp: str, number: int = 1, base: str = "1.1") -> None:
    """A build of a snapshot, each with a jar of its own."""
    await deploy(
        client,
        f"{base}-{timestamp}-{number}",
        folder=f"{base}-SNAPSHOT",
        content=jar({"built": f"{timestamp}-{number}"}),
    )


async def metadata(client: httpx.AsyncClient, path: str = "org/acme/lib", view: str = "acme") -> ET.Element:
    """A ``maven-metadata.xml``."""
    answer = await client.get(f"/maven/{view}/{path}/maven-metadata.xml")
    assert answer.status_code == 200, answer.text
    return ET.fromstring(answer.content)  # noqa: S314 (our own)


async def versions(client: httpx.AsyncClient, path: str = "org/acme/lib", view: str = "acme") -> list[str]:
    """The versions that metadata lists."""
    found = await metadata(client, path, view)
    return [each.text or "" for each in found.findall("versioning/versions/version")]
