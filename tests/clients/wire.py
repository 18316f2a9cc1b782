"""The registry's plain HTTP, to put content there and to see what clients left, independent of any of them."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

import httpx

from entrepot.operations.attach_sbom import GENERATED
from tests.clients.content import IMAGE, INDEX, Contents, Descriptor, Layout, closure, digest_of
from tests.clients.server import Registry

_DOCKER = "application/vnd.docker.distribution.manifest"
_MANIFESTS = ", ".join((IMAGE, INDEX, f"{_DOCKER}.v2+json", f"{_DOCKER}.list.v2+json"))


class Wire:
    """A publisher's connection to the registry."""

    def __init__(self, registry: Registry) -> None:
        """Log in as the registry's publisher, by Basic authentication."""
        account = registry.publisher
        self.http = httpx.Client(
            base_url=registry.url, auth=(account.user, account.password), timeout=30, trust_env=False
        )

    def __enter__(self) -> Self:
        """Use the connection."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the connection."""
        self.http.close()

    def contents(self, package: str, reference: str) -> Contents:
        """Everything reachable from a tag or digest of *package*, checked against its digests."""
        manifest = self.manifest(package, reference)

        def read(digest: str) -> bytes:
            if digest == digest_of(manifest):
                return manifest
            found = self.http.get(f"/v2/{package}/blobs/{digest}")
            content = found.content if found.status_code == httpx.codes.OK else self.manifest(package, digest)
            assert digest_of(content) == digest
            return content

        return closure(digest_of(manifest), read)

    def manifest(self, package: str, reference: str) -> bytes:
        """The exact bytes of a manifest."""
        return (
            self.http.get(f"/v2/{package}/manifests/{reference}", headers={"Accept": _MANIFESTS})
            .raise_for_status()
            .content
        )

    def referrers(self, package: str, digest: str) -> list[Descriptor]:
        """What clients gave *digest* as their subject; the registry's own SBOM of it comes a moment later, or has come."""
        found = self.http.get(f"/v2/{package}/referrers/{digest}").raise_for_status()
        assert found.headers["content-type"] == INDEX
        manifests: list[Descriptor] = found.json()["manifests"]
        return [each for each in manifests if GENERATED not in each.get("annotations", {})]

    def tags(self, package: str) -> list[str]:
        """The tags of *package*; none if there is no such package."""
        found = self.http.get(f"/v2/{package}/tags/list")
        if found.status_code == httpx.codes.NOT_FOUND:
            return []
        names: list[str] = found.raise_for_status().json()["tags"] or []
        return names

    def put(self, layout: Layout, descriptor: Descriptor, package: str, tag: str) -> None:
        """Push what *descriptor* describes, blobs first."""
        document: dict[str, Any] = json.loads(layout.read(descriptor["digest"]))
        for child in document.get("manifests", []):
            self.put(layout, child, package, child["digest"])
        for blob in [document["config"], *document["layers"]] if "config" in document else []:
            started = self.http.post(f"/v2/{package}/blobs/uploads/").raise_for_status()
            upload = httpx.URL(started.headers["location"]).copy_merge_params({"digest": blob["digest"]})
            self.http.put(upload, content=layout.read(blob["digest"])).raise_for_status()
        self.http.put(
            f"/v2/{package}/manifests/{tag}",
            content=layout.read(descriptor["digest"]),
            headers={"Content-Type": descriptor["mediaType"]},
        ).raise_for_status()
