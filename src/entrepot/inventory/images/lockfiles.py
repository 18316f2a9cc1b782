"""Lockfiles: what a project wants installed, to the version.

In an image one says what somebody once wanted, and not what is there: a build may have left the file and thrown the
packages away, or have them all in one bundle. So what they say is `declared`: it is listed, it is found when somebody
asks who has a package, and no policy counts it; what is installed too, others find.
One that cannot be read says nothing, therefore, and makes nothing unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.inventory.images.finding import Finding
from entrepot.model.component import Component, Relation
from entrepot.model.errors import Invalid, InvalidName
from entrepot.model.purl import Purl

if TYPE_CHECKING:
    from entrepot.archives.tar import Content

_SIZE: Final = 32 * 1024 * 1024
_MOST: Final = 50_000
"""What is taken from one file."""
_TEXT: Final = 400
_LONGEST_LINE: Final = 4_096
_DEEPEST: Final = 50

_THEIRS: Final = re.compile(
    r"(?:^|/)(?:node_modules|site-packages|dist-packages|vendor|gems|bundle|pkg/mod|registry/src|usr/share/doc)/"
)
"""Folders of packages that are installed: lockfiles in them are of those who made the packages."""

_Package = tuple[str, str, str]
"""Type, whole name, and version."""


class LockfileReader:
    """Reads lockfiles."""

    def wants(self, path: str, size: int) -> bool:
        """By its name, unless it is among packages that are installed."""
        return size > 0 and _parser(path.rpartition("/")[2]) is not None and _THEIRS.search(path) is None

    def read(self, path: str, content: Content) -> Finding | None:
        """What it wants installed."""
        parse = _parser(path.rpartition("/")[2])
        if parse is None:
            return None
        try:
            text = content.read(_SIZE).decode("utf-8", "replace")
            found = list(dict.fromkeys(islice(parse(text), _MOST)))
        except (Invalid, msgspec.DecodeError, RecursionError):
            return None
        components = tuple(each for package in found if (each := _component(*package, path)) is not None)
        return Finding(components) if components else None


def _component(type: str, full: str, version: str, path: str) -> Component | None:
    # What comes from a folder or a repository has no version that anybody knows it by.
    if not version[:1].isdigit() and not (type == "golang" and version[:1] == "v"):
        return None
    namespace, _, name = full.rpartition("/")
    try:
        purl = Purl.of(type, name[:_TEXT], version[:_TEXT], namespace=namespace[:_TEXT] or None)
    except InvalidName:
        return None
    return Component(full[:_TEXT], version[:_TEXT], purl, relation=Relation.DECLARED, found_in=(path,))


def _lines(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if len(line) <= _LONGEST_LINE)


# --- JSON ---


def _object(found: object) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _text(found: object) -> str:
    return found if isinstance(found, str) else ""


def _npm(text: str) -> Iterator[_Package]:
    """https://docs.npmjs.com/cli/configuring-npm/package-lock-json: ``packages`` since npm 7, ``dependencies`` before."""
    said = _object(msgspec.json.decode(text))
    for place, each in _object(said.get("packages")).items():
        if isinstance(each, dict) and "node_modules/" in place and not each.get("dev") and not each.get("link"):
            name = _text(each.get("name")) or place.rpartition("node_modules/")[2]
            yield "npm", name, _text(each.get("version"))
    if "packages" not in said:
        yield from _npm_dependencies(_object(said.get("dependencies")), 0)


def _npm_dependencies(found: dict[str, Any], depth: int) -> Iterator[_Package]:
    for name, each in found.items():
        if isinstance(each, dict) and not each.get("dev"):
            yield "npm", name, _text(each.get("version"))
            if depth < _DEEPEST:
                yield from _npm_dependencies(_object(each.get("dependencies")), depth + 1)


def _pipenv(text: str) -> Iterator[_Package]:
    """https://pipenv.pypa.io/en/latest/pipfile.html: ``develop`` is for who works on it."""
    for name, each in _object(_object(msgspec.json.decode(text)).get("default")).items():
        yield "pypi", name, _text(_object(each).get("version")).removeprefix("==")


def _composer(text: str) -> Iterator[_Package]:
    """https://getcomposer.org/doc/01-basic-usage.md: ``packages-dev`` is for who works on it."""
    found = _object(msgspec.json.decode(text)).get("packages")
    for each in found if isinstance(found, list) else ():
        said = _object(each)
        yield "composer", _text(said.get("name")), _text(said.get("version")).removeprefix("v")


def _nuget(text: str) -> Iterator[_Package]:
    """https://learn.microsoft.com/en-us/nuget/consume-packages/package-references-in-project-files: for each framework."""
    for framework in _object(_object(msgspec.json.decode(text)).get("dependencies")).values():
        for name, each in _object(framework).items():
            yield "nuget", name, _text(_object(each).get("resolved"))


# --- lines ---

_YARN_VERSION: Final = re.compile(r'  version:? "?([^"\s]+)"?')
_YARN_RESOLUTION: Final = re.compile(r'  resolution: "((?:@[^@/]+/)?[^@/]+)@npm:([^"]+)"')


def _yarn(text: str) -> Iterator[_Package]:
    """Yarn's own form (1), and YAML as Yarn writes it (2 and later), where ``resolution`` says what it really is."""
    name = version = ""
    for line in _lines(text):
        if line and line[0] not in " #":
            name = _yarn_name(line.partition(",")[0].strip(' ":'))
        elif (resolved := _YARN_RESOLUTION.match(line)) is not None:
            yield "npm", resolved[1], resolved[2].partition("::")[0]
            name = ""
        elif (said := _YARN_VERSION.fullmatch(line)) is not None and name:
            version = said[1]
            if '"' in line:  # Version 1 says nothing further of it.
                yield "npm", name, version


def _yarn_name(specifier: str) -> str:
    """``@scope/name`` of ``@scope/name@^1.0``; of an alias ``a@npm:b@^1.0`` what it stands for."""
    at = specifier.find("@", 1)
    name, wanted = (specifier, "") if at < 0 else (specifier[:at], specifier[at + 1 :])
    if wanted.startswith("npm:") and "@" in wanted[5:]:
        return wanted[4 : wanted.index("@", 5)]
    return name


_PNPM: Final = re.compile(r"  '?/?((?:@[^@/]+/)?[^@/'()]+)[@/](\d[^/'():_]*+)[^/']*'?:(?: .*)?")


def _pnpm(text: str) -> Iterator[_Package]:
    """The keys of ``packages``: ``/name/1.0`` (5), ``/name@1.0(peer@2.0)`` (6), ``name@1.0`` (9)."""
    within = False
    for line in _lines(text):
        if line[:1] not in (" ", ""):
            within = line.rstrip() == "packages:"
        elif within and (found := _PNPM.fullmatch(line)) is not None:
            yield "npm", found[1], found[2]


_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9][\w.-]*+)(?:\s*\[[^\]]*\])?\s*+===?\s*+([^\s;,#*\\]++)\s*(?:[;#\\ ].*)?")


def _requirements(text: str) -> Iterator[_Package]:
    """https://pip.pypa.io/en/stable/reference/requirements-file-format/: those that are pinned."""
    for line in _lines(text):
        if (found := _REQUIREMENT.fullmatch(line.strip())) is not None:
            yield "pypi", found[1], found[2]


_FIELD: Final = re.compile(r"(name|version|source)\s*=\s*(.+)")


def _toml(type: str) -> Callable[[str], Iterator[_Package]]:
    """Tables ``[[package]]`` with ``name`` and ``version``, as their programs write them."""

    def parse(text: str) -> Iterator[_Package]:
        said: dict[str, str] = {}
        for line in (*_lines(text), "[end]"):
            if line.startswith("["):
                if _is_foreign(type, said):
                    yield type, said["name"], said["version"]
                said = {"": ""} if line.strip() == "[[package]]" else {}
            elif said and (found := _FIELD.fullmatch(line.strip())) is not None:
                said.setdefault(found[1], found[2].strip("\"'"))

    return parse


def _is_foreign(type: str, said: dict[str, str]) -> bool:
    """Whether it is a package that comes from elsewhere, and not a part of the project itself."""
    if "name" not in said or "version" not in said:
        return False
    if type == "cargo":
        return "source" in said
    return not any(own in said.get("source", "") for own in ("virtual", "editable", "directory", "workspace"))


_REQUIRED: Final = re.compile(r"(?:require\s+)?([^\s()]++)\s++(v[^\s]++)\s*+(?://.*)?")


def _go_mod(text: str) -> Iterator[_Package]:
    """https://go.dev/ref/mod#go-mod-file-require: what is required; what is replaced or excluded has a word of its own."""
    within = False
    for line in _lines(text):
        stripped = line.strip()
        if stripped.endswith("("):
            within = stripped.startswith("require")
        elif stripped == ")":
            within = False
        elif (within or stripped.startswith("require ")) and (found := _REQUIRED.fullmatch(stripped)) is not None:
            yield "golang", found[1], found[2].removesuffix("+incompatible")


def _go_sum(text: str) -> Iterator[_Package]:
    """https://go.dev/ref/mod#go-sum-files: modules whose content was needed, not those of which only ``go.mod`` was."""
    for line in _lines(text):
        module, _, rest = line.partition(" ")
        version, _, checksum = rest.partition(" ")
        if checksum.startswith("h1:") and not version.endswith("/go.mod"):
            yield "golang", module, version.removesuffix("+incompatible")


_GEM: Final = re.compile(r"    ([A-Za-z0-9][\w.-]*) \((\d[\w.]*)(?:-[\w.-]+)?\)")


def _bundler(text: str) -> Iterator[_Package]:
    """https://bundler.io/guides/rationale.html: below ``GEM`` with four spaces; behind a dash is a platform."""
    within = False
    for line in _lines(text):
        if line[:1] not in (" ", ""):
            within = line.strip() == "GEM"
        elif within and (found := _GEM.fullmatch(line)) is not None:
            yield "gem", found[1], found[2]


def _gradle(text: str) -> Iterator[_Package]:
    """https://docs.gradle.org/current/userguide/dependency_locking.html: ``group:name:version=configurations``."""
    for line in _lines(text):
        parts = line.partition("=")[0].split(":")
        if len(parts) == 3 and not line.startswith("#"):  # noqa: PLR2004 - group, name, version
            yield "maven", f"{parts[0]}/{parts[1]}", parts[2]


_PARSERS: Final[dict[str, Callable[[str], Iterator[_Package]]]] = {
    "package-lock.json": _npm,
    "npm-shrinkwrap.json": _npm,
    "yarn.lock": _yarn,
    "pnpm-lock.yaml": _pnpm,
    "Pipfile.lock": _pipenv,
    "poetry.lock": _toml("pypi"),
    "uv.lock": _toml("pypi"),
    "pdm.lock": _toml("pypi"),
    "Cargo.lock": _toml("cargo"),
    "go.mod": _go_mod,
    "go.sum": _go_sum,
    "Gemfile.lock": _bundler,
    "composer.lock": _composer,
    "packages.lock.json": _nuget,
    "gradle.lockfile": _gradle,
}
_REQUIREMENTS: Final = re.compile(r"requirements[\w.-]{0,100}\.txt")


def _parser(name: str) -> Callable[[str], Iterator[_Package]] | None:
    found = _PARSERS.get(name)
    return _requirements if found is None and _REQUIREMENTS.fullmatch(name) is not None else found
