"""``python -m bench.catalog --artifacts 1000000 --data DIR``: fill a data directory with a catalog of that many images.

They are published by the product's own operation, so that the catalog is one that a server could have grown:
every image is a manifest with a tag, a config and a layer of its own, and a base layer that all share.
Serve it with ``entrepot serve --data DIR``.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.content import MANIFEST_TYPE, Image
from entrepot.app.parts import open_registry
from entrepot.followers import ALL
from entrepot.model.access import Allowance, Caller, Principal, PrincipalKind, Rights, Role
from entrepot.model.artifact import Artifact
from entrepot.model.digest import Digest
from entrepot.model.names import FormatName, NamespaceName, PackageId, PackageName, PrincipalName, parse_reference
from entrepot.operations.govern import create_namespace
from entrepot.operations.log import grow_log
from entrepot.operations.publish import Draft, publish
from entrepot.operations.registry import Registry
from entrepot.operations.upload import StoredBlob
from entrepot.ports.catalog import Transaction
from entrepot.settings import Settings

TAGS_PER_PACKAGE = 10
NAMESPACE = NamespaceName("bench")

_FORMAT = FormatName("oci")
_BASE_LAYER = b"base layer\n" * 100
_AT_ONCE = 256  # changes in the air: several commits' worth
_REPORT_SECONDS = 10.0
_FILLER = Caller(Principal(PrincipalName("filler"), PrincipalKind.ROBOT), Rights(((Allowance(Role.ADMINISTRATOR),),)))


def repository(package: int) -> str:
    """The name in URLs of the package of that number."""
    return f"{NAMESPACE}/{_package_name(package)}"


def tag(number: int) -> str:
    """The tag of that number, which every package has."""
    return f"build-{number}"


def commit(number: int) -> str:
    """The source revision that the image of that number says it was built from."""
    return hashlib.sha1(b"%d" % number, usedforsecurity=False).hexdigest()


def fill(data: Path, artifacts: int, report: Callable[[int, float], None]) -> None:
    """Publish images in *data* until there are *artifacts*, and tell *report* from time to time how many came how fast.

    What an interrupted run has left is gone on with.
    """
    asyncio.run(_fill(data, artifacts, report))


async def _fill(data: Path, artifacts: int, report: Callable[[int, float], None]) -> None:
    async with open_registry(Settings(data=str(data))) as registry:
        there = (await registry.catalog.storage())["artifacts"]
        if not there:
            await create_namespace(registry, _FILLER, NAMESPACE, public=False)
        # They came in order but for the last commits' worth; what is published again is no change.
        begin = max(0, there - _AT_ONCE)
        start = reported = time.monotonic()
        for first in range(begin, artifacts, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, artifacts))
            await asyncio.gather(*(_publish(registry, number) for number in numbers))
            if time.monotonic() - reported > _REPORT_SECONDS:
                reported = time.monotonic()
                report(numbers.stop - begin, reported - start)
        report(artifacts - begin, time.monotonic() - start)
        await _follow(registry)


async def _follow(registry: Registry) -> None:
    """Let the followers have dealt with it: the log holds all of it, and in such images there is nothing to be found."""
    await grow_log(registry)
    head, _ = await registry.catalog.head()

    def change(transaction: Transaction) -> None:
        for follower in ALL:
            transaction.cursors.move(follower.name, head)

    await registry.catalog.write(change)


async def _publish(registry: Registry, number: int) -> None:
    package, tag_number = divmod(number, TAGS_PER_PACKAGE)
    image = Image.of(
        json.dumps({"architecture": "amd64", "os": "linux", "number": number}).encode(),
        [_BASE_LAYER, b"layer %d\n" % number * 20],
        {"org.opencontainers.image.revision": commit(number)},
    )
    draft = Draft(
        Artifact.parse(image.manifest, MANIFEST_TYPE),
        tags=(parse_reference(tag(tag_number)),),
        blobs=tuple(StoredBlob(Digest.parse(blob.digest), blob.size, blob.tail) for blob in image.blobs),
    )
    await publish(registry, _FILLER, PackageId(NAMESPACE, _FORMAT, _package_name(package)), draft)


def _package_name(package: int) -> PackageName:
    return PackageName(f"team-{package % 100:02}/package-{package:06}")


def main(arguments: list[str] | None = None) -> int:
    """Fill a directory and say how it goes."""
    parser = argparse.ArgumentParser(prog="python -m bench.catalog", description="Fill a catalog with images.")
    parser.add_argument("--artifacts", metavar="N", type=int, required=True)
    parser.add_argument(
        "--data", metavar="DIR", type=Path, required=True, help="a directory that is made, or gone on with"
    )
    options = parser.parse_args(arguments)
    fill(options.data, options.artifacts, _report)
    return 0


def _report(count: int, seconds: float) -> None:
    print(f"{count:,} artifacts in {seconds:,.0f} s, {count / seconds:,.0f}/s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
