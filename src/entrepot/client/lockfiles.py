"""Lockfiles: which versions of which packages a project is built from, as its own tools wrote it down."""

from __future__ import annotations

import base64
import binascii
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement

from entrepot.client.errors import Misuse


@dataclass(frozen=True, slots=True)
class LockedFile:
    """A file of a version, as a lockfile tells of it."""

    hash: str
    """``sha256:…`` and the like in hexadecimal, or Go's ``h1:…``."""
    name: str | None = None
    """None where only its hash is written down."""


@dataclass(frozen=True, slots=True)
class Locked:
    """A version that a project is built from."""

    format: str
    name: str
    version: str
    files: tuple[LockedFile, ...] = ()
    """Those that may be wanted; none where the lockfile does not say."""

    def hashes(self, patterns: Sequence[str]) -> tuple[str, ...]:
        """The hashes of its files; with *patterns*, of those whose names match one, or are not known."""
        return tuple(
            file.hash
            for file in self.files
            if not patterns or file.name is None or any(fnmatchcase(file.name, each) for each in patterns)
        )


@dataclass(frozen=True, slots=True)
class Lockfile:
    """What a lockfile says."""

    locked: tuple[Locked, ...]
    skipped: tuple[str, ...]
    """What comes from no registry, or is pinned to no version, with the reason."""


def read_lockfile(path: Path) -> Lockfile:
    """Read a lockfile, whose kind its name tells. Raises `Misuse`, and `OSError` when it cannot be read."""
    read = _reader(path.name)
    found: list[Locked] = []
    skipped: list[str] = []
    try:
        for each in read(path):
            if isinstance(each, Locked):
                found.append(each)
            else:
                skipped.append(each)
    except UnicodeDecodeError as error:
        raise Misuse(f"{path} is no lockfile: it is not text in UTF-8") from error
    except RecursionError as error:
        raise Misuse(f"{path} is no lockfile of its kind: it is nested too deeply") from error
    except ValueError as error:
        raise Misuse(f"{path} is no lockfile of its kind: {str(error)[:200]}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise Misuse(f"{path} is no lockfile of its kind: its parts are not what they should be") from error
    return Lockfile(tuple(dict.fromkeys(found)), tuple(dict.fromkeys(skipped)))


Read = Callable[[Path], Iterator["Locked | str"]]


def _reader(name: str) -> Read:
    if name in _READERS:
        return _READERS[name]
    if name.endswith(".txt"):
        return _requirements
    raise Misuse(
        f"{name} is no lockfile that is known", hint=f"There are {', '.join(_READERS)} and requirements in *.txt."
    )


def _load_toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


# --- Python ---

_HASH: Final = re.compile(r"--hash[= ]\s*(?P<hash>[a-z0-9_]+:[0-9a-fA-F]+)")
_COMMENT: Final = re.compile(r"(^|\s+)#.*$")
_OTHER: Final = re.compile(r"(?:-r|--requirement|-c|--constraint)[= ]\s*(?P<path>.+)")


def _requirements(path: Path, seen: frozenset[Path] = frozenset()) -> Iterator[Locked | str]:
    """Requirements as pip writes and reads them; what they include counts as theirs."""
    if path.resolve() in seen:
        return
    for line in path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        text = _COMMENT.sub("", line).strip()
        if (other := _OTHER.fullmatch(text)) is not None:
            if not (path.parent / other["path"]).is_file():
                raise ValueError(f"it names {other['path'][:200]}, which is not there")
            yield from _requirements(path.parent / other["path"], seen | {path.resolve()})
        elif text and not text.startswith("-"):
            yield _requirement(text)


def _requirement(text: str) -> Locked | str:
    hashes = tuple(LockedFile(found["hash"].lower()) for found in _HASH.finditer(text))
    named = _HASH.sub("", text).strip()
    try:
        requirement = Requirement(named)
    except InvalidRequirement:
        return f"{named}: it is no requirement by name"
    if requirement.url is not None:
        return f"{requirement.name}: it comes from an address of its own"
    pins = [each.version for each in requirement.specifier if each.operator in ("==", "===")]
    if len(pins) != 1 or pins[0].endswith(".*"):
        return f"{requirement.name}: it is pinned to no version"
    return Locked("pypi", requirement.name, pins[0], hashes)


def _uv(path: Path) -> Iterator[Locked | str]:
    for package in _load_toml(path).get("package", []):
        name = package["name"]
        if "registry" not in package.get("source", {}):
            yield f"{name}: it comes from no registry"
            continue
        files = [package["sdist"]] if "sdist" in package else []
        files += package.get("wheels", [])
        yield Locked("pypi", name, package["version"], tuple(_python_file(each) for each in files if "hash" in each))


def _python_file(said: Mapping[str, str]) -> LockedFile:
    place = said.get("url") or said.get("path") or ""
    return LockedFile(said["hash"], unquote(urlsplit(place).path.rpartition("/")[2]) or None)


def _poetry(path: Path) -> Iterator[Locked | str]:
    document = _load_toml(path)
    older = document.get("metadata", {}).get("files", {})
    for package in document.get("package", []):
        name = package["name"]
        if package.get("source", {}).get("type", "legacy") != "legacy":
            yield f"{name}: it comes from no registry"
            continue
        files = package.get("files") or older.get(name, [])
        yield Locked(
            "pypi", name, package["version"], tuple(LockedFile(each["hash"], each.get("file")) for each in files)
        )


# --- JavaScript ---


def _npm(path: Path) -> Iterator[Locked | str]:
    document = json.loads(path.read_text(encoding="utf-8"))
    if "packages" not in document:
        yield from _npm_dependencies(document.get("dependencies", {}))
        return
    for place, said in document["packages"].items():
        name = said.get("name") or place.rpartition("node_modules/")[2]
        if not place or said.get("link") or said.get("inBundle"):
            continue  # The project itself, a part of it, or a part of another package.
        yield _npm_package(name, said)


def _npm_dependencies(found: Mapping[str, Any]) -> Iterator[Locked | str]:
    """The first form of npm's lockfile, which is a tree."""
    for name, said in found.items():
        alias, _, version = said.get("version", "").removeprefix("npm:").rpartition("@")
        if not said.get("bundled"):
            yield _npm_package(alias or name, {**said, "version": version})
        yield from _npm_dependencies(said.get("dependencies", {}))


def _npm_package(name: str, said: Mapping[str, Any]) -> Locked | str:
    version, resolved = said.get("version", ""), said.get("resolved", "")
    if "integrity" not in said or resolved.startswith(("git", "file:")):
        return f"{name}: it comes from no registry"
    return Locked("npm", name, version, _integrity(said["integrity"]))


def _integrity(text: str) -> tuple[LockedFile, ...]:
    """The hashes of a string of subresource integrity (W3C, 3.5)."""
    found = []
    for each in text.split():
        algorithm, _, value = each.partition("?")[0].partition("-")
        try:
            found.append(LockedFile(f"{algorithm}:{base64.b64decode(value, validate=True).hex()}"))
        except binascii.Error:
            continue
    return tuple(found)


_PNPM_KEY: Final = re.compile(r"/?(?P<name>(?:@[^/@]+/)?[^/@]+)[@/](?P<version>[0-9][^(_]*)(?:[(_].*)?")


def _pnpm(path: Path) -> Iterator[Locked | str]:
    import yaml  # noqa: PLC0415 - slow to import, and only this kind needs it

    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    for key, said in (document.get("packages") or {}).items():
        match = _PNPM_KEY.fullmatch(key)
        integrity = said.get("resolution", {}).get("integrity")
        if match is None or integrity is None:
            yield f"{key}: it comes from no registry"
            continue
        yield Locked("npm", match["name"], match["version"], _integrity(integrity))


# --- Rust and Go ---


def _cargo(path: Path) -> Iterator[Locked | str]:
    document = _load_toml(path)
    older = document.get("metadata", {})
    for package in document.get("package", []):
        name, version, source = package["name"], package["version"], package.get("source")
        if source is None:
            continue  # The project itself, or a part of it.
        if not source.startswith(("registry+", "sparse+")):
            yield f"{name}: it comes from no registry"
            continue
        checksum = package.get("checksum") or older.get(f"checksum {name} {version} ({source})")
        yield Locked("cargo", name, version, () if checksum is None else (LockedFile(f"sha256:{checksum}"),))


def _go(path: Path) -> Iterator[Locked | str]:
    """Modules, with the hashes of their zips and of their ``go.mod``; of most only the latter is wanted."""
    found: dict[tuple[str, str], tuple[LockedFile, ...]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            module, version, hash_ = line.split()
            key = module, version.removesuffix("/go.mod")
            found[key] = (*found.get(key, ()), LockedFile(hash_))
    for (module, version), files in found.items():
        yield Locked("go", module, version, files)


_READERS: Final[Mapping[str, Read]] = {
    "uv.lock": _uv,
    "poetry.lock": _poetry,
    "package-lock.json": _npm,
    "npm-shrinkwrap.json": _npm,
    "pnpm-lock.yaml": _pnpm,
    "Cargo.lock": _cargo,
    "go.sum": _go,
}


def read_lockfiles(paths: Iterable[Path]) -> Lockfile:
    """Read several as one. Raises like `read_lockfile`."""
    found = [read_lockfile(path) for path in paths]
    return Lockfile(
        tuple(dict.fromkeys(locked for each in found for locked in each.locked)),
        tuple(dict.fromkeys(skipped for each in found for skipped in each.skipped)),
    )
