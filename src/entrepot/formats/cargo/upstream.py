"""Read through to another index: its lines stand beside ours, and its crates are fetched when they are wanted."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from entrepot.formats.cargo.crate import examine_remote
from entrepot.formats.cargo.index import Release
from entrepot.formats.cargo.metadata import KIND, adding
from entrepot.formats.cargo.rules import CARGO, RULES, index_path, parse_crate_name
from entrepot.formats.cargo.semver import Version
from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidName, InvalidReference, ReferenceUnknown, UpstreamInvalid
from entrepot.model.names import PackageId
from entrepot.operations.add_files import add_files
from entrepot.operations.fetch_file import Landing, Wanted, fetch_file
from entrepot.operations.mirror import Question, ask, ask_first, hidden_versions
from entrepot.operations.registry import Fetched, Listed, Probe, Wish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from entrepot.formats.cargo.crate import Crate
    from entrepot.model.access import Caller
    from entrepot.model.names import View
    from entrepot.model.upstream import Upstream
    from entrepot.operations.fetch_file import Arrival
    from entrepot.operations.mirror import Answer
    from entrepot.operations.registry import Registry
    from entrepot.operations.upload import StoredBlob
    from entrepot.ports.catalog import FoundBlob

_NEWEST_LINE: Final = 2
"""Lines of a later form say what we cannot: Cargo leaves out what it does not know, and so do we."""
_CONFIG_SIZE: Final = 64 * 1024
_REMEMBERED: Final = 256
_SHA256_DIGITS: Final = 64
_MARKERS: Final = ("{crate}", "{version}", "{prefix}", "{lowerprefix}", "{sha256-checksum}")


@dataclass(frozen=True, slots=True)
class RemoteCrate:
    """What of another index's crate is shown."""

    upstream: Upstream
    package: PackageId
    releases: Sequence[Release]
    shown: str
    """Another one whenever something else is shown of the same file."""
    stale: str | None
    """Why it is not today's; None when it is."""

    def joined(self, stored: Sequence[Release]) -> list[Release]:
        """What is there, in its order, and what is stored here and is there no more."""
        known = {release.version.release: release for release in stored}
        found = [
            replace(known.pop(each.version.release), yanked=each.yanked, published_at=each.published_at)
            if each.version.release in known
            else each
            for each in self.releases
        ]
        return [*known.values(), *found]


async def read_remote(
    registry: Registry, caller: Caller, view: View, package: PackageId, name: str
) -> RemoteCrate | None:
    """What upstreams have of a crate, by its name in lower case; None when there is nothing, or nobody to ask.

    Raises `UpstreamUnavailable`, `UpstreamInvalid`, or what `access.require_read` raises.
    """
    answer = await ask_first(registry, caller, view, package, Question(f"/{index_path(name)}", versions=_versions))
    return None if answer is None else await _shown(registry, package, answer)


async def _shown(registry: Registry, package: PackageId, answer: Answer) -> RemoteCrate:
    found = read_lines(answer.content)
    versions = {release.version.release: release.published_at for release in found}
    hidden = await hidden_versions(registry, answer.upstream, package, versions)
    shown = hashlib.sha256(repr((answer.upstream.name, sorted(hidden))).encode()).hexdigest()[:16]
    return RemoteCrate(
        answer.upstream,
        package,
        [
            release
            for release in found
            if release.version.release not in hidden and release.name.lower().replace("_", "-") == package.name
        ],
        shown,
        answer.stale,
    )


def _versions(content: bytes, _: str) -> Mapping[str, datetime | None]:
    return {release.version.release: release.published_at for release in read_lines(content)}


# --- crates ---


async def fetch_remote(registry: Registry, remote: RemoteCrate, version: str) -> Arrival | None:
    """Fetch a crate, which becomes a version here; None when the upstream shows no such version.

    Raises like `fetch_file`.
    """
    release = next((each for each in remote.releases if str(each.version) == version), None)
    if release is None:
        return None
    name = release.name
    wanted = Wanted(
        await _address(registry, remote, release),
        f"{name}-{version}.crate",
        hashes={"sha256": bytes.fromhex(release.checksum)},
    )

    async def publish(caller: Caller, blob: StoredBlob, crate: Crate) -> None:
        said = {key: value for key, value in asdict(crate).items() if value is not None}
        await add_files(registry, caller, remote.package, KIND, adding({**release.metadata, **said}, blob))

    landing = Landing(partial(examine_remote, name=name, version=version), publish)
    return await fetch_file(registry, remote.upstream, remote.package, wanted, landing)


def _is_config(head: bytes) -> bool:
    try:
        return bool(msgspec.json.decode(head, type=_Config).dl)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


class CargoReadThrough:
    """What is asked of this format when no client of its own is asking."""

    probe = Probe("/config.json", is_answer=_is_config)

    async def list_versions(self, registry: Registry, caller: Caller, view: View, name: str) -> Listed | None:
        """As `entrepot.operations.registry.ReadThrough` says."""
        remote = await _read_by_name(registry, caller, view, name)
        return None if remote is None else Listed([str(each.version) for each in remote.releases], remote.stale)

    async def fetch(self, registry: Registry, caller: Caller, wish: Wish) -> Sequence[Fetched]:
        """As `entrepot.operations.registry.ReadThrough` says: the version's crate."""
        remote = await _read_by_name(registry, caller, wish.view, wish.name)
        found = [] if remote is None else [each for each in remote.releases if str(each.version) == wish.version]
        if remote is None or not found:
            raise ReferenceUnknown(wish.version)
        digest = Digest("sha256", found[0].checksum)
        wish.select([(digest, [str(digest)])])
        crate: FoundBlob | StoredBlob | None = await registry.catalog.find_blob(wish.view, remote.package, digest)
        if crate is None:
            arrival = await fetch_remote(registry, remote, wish.version)
            if arrival is None:
                raise ReferenceUnknown(wish.version)
            crate = await arrival.blob
        return [Fetched(f"{found[0].name}-{wish.version}.crate", crate.digest, crate.size)]


async def _read_by_name(registry: Registry, caller: Caller, view: View, name: str) -> RemoteCrate | None:
    """By a name that may have dashes where the index has underscores."""
    package = PackageId(view.namespace, CARGO, RULES.normalize(name))
    for spelling in dict.fromkeys((name.lower(), package.name, package.name.replace("-", "_"))):
        remote = await read_remote(registry, caller, view, package, spelling)
        if remote is not None:
            return remote
    return None


class _Config(msgspec.Struct):
    dl: str


async def _address(registry: Registry, remote: RemoteCrate, release: Release) -> str:
    """Where a crate is ("Index Configuration" in The Cargo Book)."""
    question = Question("/config.json", limit=_CONFIG_SIZE)
    answer = await ask(registry, remote.upstream, remote.package, question)
    try:
        template = msgspec.json.decode(b"{}" if answer is None else answer.content, type=_Config).dl
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamInvalid("config.json", expected="where the crates are (dl)") from error
    name, version = release.name, str(release.version)
    if not any(marker in template for marker in _MARKERS):
        template = f"{template}/{{crate}}/{{version}}/download"
    prefix = index_path(name).rpartition("/")[0]
    for marker, value in zip(
        _MARKERS, (name, quote(version, safe=""), _cased(name), prefix, release.checksum), strict=True
    ):
        template = template.replace(marker, value)
    return template


def _cased(name: str) -> str:
    """The folder of a name in the index, in the name's own case."""
    match len(name):
        case 1 | 2:
            return str(len(name))
        case 3:
            return f"3/{name[0]}"
        case _:
            return f"{name[:2]}/{name[2:4]}"


# --- lines ---


class _Line(msgspec.Struct):
    name: str
    vers: str
    cksum: str
    deps: list[dict[str, Any]] = []
    features: dict[str, list[str]] = {}
    features2: dict[str, list[str]] | None = None
    yanked: bool = False
    links: str | None = None
    rust_version: str | None = None
    pubtime: str | None = None
    v: int = 1


_DECODER: Final = msgspec.json.Decoder(_Line)


@lru_cache(maxsize=_REMEMBERED)
def read_lines(content: bytes) -> tuple[Release, ...]:
    """Read an index file; lines that say what nobody here understands are passed over, as Cargo does.

    Raises `UpstreamInvalid` when no line can be read.
    """
    lines = [line for line in content.split(b"\n") if line.strip()]
    found = [release for line in lines if (release := _read_line(line)) is not None]
    if lines and not found:
        raise UpstreamInvalid("the crate's index file", expected="a line of JSON for each version")
    return tuple(found)


def _read_line(content: bytes) -> Release | None:
    try:
        line = _DECODER.decode(content)
        name, version = parse_crate_name(line.name), Version.parse(line.vers)
        checksum = bytes.fromhex(line.cksum).hex()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, InvalidName, InvalidReference):
        return None
    if line.v > _NEWEST_LINE or len(checksum) != _SHA256_DIGITS:
        return None
    metadata = {
        "format": CARGO,
        "name": name,
        "version": str(version),
        "dependencies": line.deps,
        "features": line.features | (line.features2 or {}),
        "links": line.links,
        "rust_version": line.rust_version,
    }
    said = {key: value for key, value in metadata.items() if value is not None}
    return Release(said, checksum, line.yanked, _time(line.pubtime))


def _time(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
