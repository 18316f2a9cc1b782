"""``/go/<view>/sumdb/<name>/``: a checksum database, passed on byte for byte from an upstream that passes it on itself.

"Checksum database" in the Go Modules Reference, and "Proxying a Checksum Database" in the proposal that it comes from.
The go command verifies what it gets by the database's key, so nobody on the way is trusted; but whoever is asked for
the hash of a module learns its name. So nobody is asked for a name that is the namespace's own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from entrepot.formats.go.rules import GO, Version, check_version, escape, parse_module, unescape
from entrepot.model.errors import (
    FileUnknown,
    InvalidName,
    InvalidReference,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from entrepot.model.names import PackageId, View
from entrepot.operations import access
from entrepot.operations.browse import list_packages
from entrepot.operations.mirror import Question, ask, upstreams_for, upstreams_of
from entrepot.wire.reply import PRIVATE_IMMUTABLE, REVALIDATE, Reply
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from entrepot.model.upstream import Upstream
    from entrepot.operations.registry import Registry
    from entrepot.wire.call import Call

_NAME_SIZE: Final = 255
_NOTE_SIZE: Final = 64 * 1024
"""For a record of go.sum and a signed tree head."""
_TILE_SIZE: Final = 1024 * 1024
_HASH_SIZE: Final = 32
_TALLEST: Final = 12
"""Of a tile, for which the reference lets databases choose up to 30; the go command chooses 8."""
_RECORD: Final = re.compile(rb"[0-9]{1,19}\n(?P<module>[^ \n]+) (?P<version>[^ \n]+) h1:")
_SIGNATURE: Final = "\n\n\u2014 ".encode()

_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_BINARY: Final = (b"content-type", b"application/octet-stream")
_SAFE: Final = (b"x-content-type-options", b"nosniff")


async def get_supported(call: Call) -> Reply:
    """Whether the database is passed on here. If not, the go command asks its next proxy, or the database itself."""
    view, name = _view(call), _database(call)
    await _require_view(call, view)
    if not await _sources(call.registry, await upstreams_of(call.registry, view, GO), name):
        raise FileUnknown(f"sumdb/{name}")
    return Reply(200, [_TEXT, _SAFE, REVALIDATE])


async def get_latest_tree(call: Call) -> Reply:
    """The signed head of the database's tree."""
    view, name = _view(call), _database(call)
    await _require_view(call, view)
    upstreams = await upstreams_of(call.registry, view, GO)
    content = await _pass_on(call, upstreams, name, "latest", _require_note, is_final=False)
    return Reply(200, [_TEXT, _SAFE, REVALIDATE], content)


async def get_lookup(call: Call) -> Reply:
    """The record of a module's version, and a signed tree that has it.

    What is the namespace's own has no record that anybody else may be asked for.
    """
    view, name = _view(call), _database(call)
    rest = f"lookup/{call.path['module'][:300]}@{call.path['version'][:300]}"
    try:
        module, version = parse_module(unescape(call.path["module"])), Version.parse(unescape(call.path["version"]))
        check_version(module, version)
    except (InvalidName, InvalidReference):
        await _require_view(call, view)
        raise FileUnknown(rest) from None
    package = PackageId(view.namespace, GO, module)
    # Also where there is nobody to ask: who may not read it learns nothing of the module.
    await access.require_read(call.registry, call.caller, view, package)
    upstreams = await upstreams_for(call.registry, call.caller, view, package)

    def check(content: bytes) -> None:
        _require_note(content)
        record = _RECORD.match(content)
        if record is None or record.groups() != (module.encode(), str(version).encode()):
            raise UpstreamInvalid("the record of a checksum database", expected=f"that of {module} {version}")

    target = f"lookup/{quote(escape(module), safe='/!~')}@{quote(escape(str(version)), safe='!~+')}"
    content = await _pass_on(call, upstreams, name, target, check, is_final=True)
    return Reply(200, [_TEXT, _SAFE, PRIVATE_IMMUTABLE], content)


async def get_tile(call: Call) -> Reply:
    """A tile of the tree, or of its records: the bytes, for ever."""
    view, name = _view(call), _database(call)
    await _require_view(call, view)
    path = call.path
    height, width = int(path["height"]), int(path["width"] or 0)
    most = 1 << min(height, _TALLEST)
    is_records = path["level"] == "data"
    if not 0 < height <= _TALLEST or width >= most or (path["width"] and not width):
        raise FileUnknown(path["tile"][:200])

    def check(content: bytes) -> None:
        if not content or (not is_records and len(content) != (width or most) * _HASH_SIZE):
            raise UpstreamInvalid("a tile of a checksum database", expected=f"{width or most} hashes")

    upstreams = await upstreams_of(call.registry, view, GO)
    content = await _pass_on(call, upstreams, name, path["tile"], check, is_final=True)
    return Reply(200, [_TEXT if is_records else _BINARY, _SAFE, PRIVATE_IMMUTABLE], content)


def _view(call: Call) -> View:
    return View.parse(call.path["view"])


def _database(call: Call) -> str:
    name = call.path["database"]
    if len(name) > _NAME_SIZE:
        raise FileUnknown(f"sumdb/{name[:200]}")
    return name


async def _require_view(call: Call, view: View) -> None:
    # A page of nothing: it says whether the caller may know the view at all.
    await list_packages(call.registry, call.caller, view=view, limit=0)


async def _sources(registry: Registry, upstreams: Sequence[Upstream], name: str) -> Sequence[Upstream]:
    """Those that pass the database on. Raises `UpstreamUnavailable` when none is known to, and one does not say."""
    found: list[Upstream] = []
    silent: UpstreamUnavailable | None = None
    question = Question(f"/sumdb/{name}/supported", limit=_NOTE_SIZE, indexes=False)
    for upstream in upstreams:
        try:
            if await ask(registry, upstream, None, question) is not None:
                found.append(upstream)
        except UpstreamUnavailable as error:
            silent = error
        except UpstreamInvalid:
            continue
    if silent is not None and not found:
        raise silent
    return found


async def _pass_on(
    call: Call,
    upstreams: Sequence[Upstream],
    name: str,
    rest: str,
    check: Callable[[bytes], None],
    *,
    is_final: bool,
) -> bytes:
    """What the first upstream says that says anything: it is signed by the database, so it does not matter which.

    Raises `FileUnknown`, `UpstreamUnavailable`, `UpstreamInvalid`.
    """

    def versions(content: bytes, _: str) -> Mapping[str, datetime | None]:
        check(content)
        return {}

    question = Question(f"/sumdb/{name}/{rest}", limit=_TILE_SIZE, versions=versions, final=is_final, indexes=False)
    failure: UpstreamUnavailable | UpstreamInvalid | None = None
    for upstream in await _sources(call.registry, upstreams, name):
        try:
            answer = await ask(call.registry, upstream, None, question)
        except (UpstreamUnavailable, UpstreamInvalid) as error:
            failure = error
            continue
        if answer is not None:
            return answer.content
    raise failure or FileUnknown(f"sumdb/{name}/{rest}"[:300])


def _require_note(content: bytes) -> None:
    """Whatever is signed by a checksum database looks like this; only its key tells whether it is."""
    if _SIGNATURE not in content or len(content) > _NOTE_SIZE:
        raise UpstreamInvalid("an answer of a checksum database", expected="a signed note")


_ELEMENT: Final = "[A-Za-z0-9][A-Za-z0-9._~-]*"
_DATABASE: Final = rf"/go/(?P<view>[^/]+)/sumdb/(?P<database>{_ELEMENT}(?:/{_ELEMENT})*)"
_TILE: Final = (
    r"(?P<tile>tile/(?P<height>[1-9][0-9]?)/(?P<level>data|0|[1-9][0-9]?)"
    r"/(?:x[0-9]{3}/){0,6}[0-9]{3}(?:\.p/(?P<width>[1-9][0-9]{0,5}))?)"
)

SUMDB_ROUTES: Final = (
    Route("GET", rf"{_DATABASE}/supported", get_supported, "get_sumdb"),
    Route("GET", rf"{_DATABASE}/latest", get_latest_tree, "get_sumdb"),
    Route("GET", rf"{_DATABASE}/lookup/(?P<module>(?s:[^@]+))@(?P<version>[^@/]+)", get_lookup, "get_sumdb"),
    Route("GET", rf"{_DATABASE}/{_TILE}", get_tile, "get_sumdb"),
)
"""Before those of modules: no module's path begins with ``sumdb/``."""
