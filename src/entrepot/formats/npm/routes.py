"""``/npm/<view>/…``: the registry API of npm's clients.

There is no standard: what clients send and expect is taken from their own sources, and handlers name the command that
they answer.
A package's name comes as ``name``, ``@scope/name`` or ``@scope%2fname``; routes see all of them decoded.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.formats.npm import accounts
from entrepot.formats.npm.audit import post_advisories
from entrepot.formats.npm.hosted import print_revision, read_stored
from entrepot.formats.npm.metadata import KIND, bundle_name, read_predicate_type
from entrepot.formats.npm.packument import ABBREVIATED_TYPE, FULL_TYPE, Renderer
from entrepot.formats.npm.publish import move_tag, put
from entrepot.formats.npm.remote import beside
from entrepot.formats.npm.rules import LATEST, NPM, RULES, parse_loose, parse_tag, parse_tarball_name
from entrepot.formats.npm.search import get_search
from entrepot.formats.npm.signatures import signer_of
from entrepot.formats.npm.unpublish import delete_package, delete_tarball, put_revision
from entrepot.formats.npm.upstream import (
    fetch_attestations,
    fetch_remote,
    find_tarball,
    list_remote_keys,
    read_remote,
)
from entrepot.model.access import Action
from entrepot.model.contents import Contents, FilePath
from entrepot.model.errors import (
    Denied,
    FileUnknown,
    InvalidReference,
    NotFound,
    PackageUnknown,
    ReferenceUnknown,
    Unauthenticated,
)
from entrepot.model.names import PackageId, View
from entrepot.operations import access
from entrepot.operations.browse import find_package
from entrepot.operations.delete import delete_reference
from entrepot.operations.govern import read_namespace
from entrepot.operations.grant import list_grants
from entrepot.operations.mirror import answer_soon
from entrepot.operations.read_blob import read_whole
from entrepot.operations.resolve import find_blob, resolve
from entrepot.wire.arrival import arrival_reply
from entrepot.wire.blob import blob_reply
from entrepot.wire.index import index_reply
from entrepot.wire.reply import REVALIDATE, HeaderList, Reply, json_reply, text_header
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from entrepot.formats.npm.packument import Packument
    from entrepot.formats.npm.upstream import RemotePackage
    from entrepot.model.contents import File
    from entrepot.model.names import ReferenceName
    from entrepot.wire.call import Call

_VARY: Final = (b"vary", b"accept")
_TARBALL_HEADERS: Final = [
    (b"content-type", b"application/octet-stream"),
    # A browser shall save what somebody pushed, and run nothing of it as ours.
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox"),
]
_SMALL: Final = 64 * 1024
_MANY: Final = 100
"""Versions of a packument that are rendered at once; more of them are rendered beside what else is to be done."""
_ADVISORIES_SIZE: Final = 16 * 1024 * 1024
_QUALITY: Final = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


# --- names in the path ---


def _view(call: Call) -> View:
    return View.parse(call.path["view"])


def _package(call: Call, view: View) -> PackageId:
    return PackageId(view.namespace, NPM, RULES.normalize(call.path["package"]))


def _writable(call: Call) -> PackageId:
    view = _view(call)
    access.require_writable(view)
    return _package(call, view)


def _renderer(call: Call, view: View) -> Renderer:
    return Renderer(f"{call.base_url}/npm/{view}", signer_of(call.registry.upload_secret))


# --- packages out ---


async def get_packument(call: Call) -> Reply:
    """``npm install`` and ``npm view``: the package, whole or abbreviated, rendered once for each revision.

    With ``?write=true`` a client says that it will send it back changed: it gets what is here, and can be changed.
    """
    view = _view(call)
    package = _package(call, view)
    writes = call.query.get("write") == "true"
    remote = None if writes else await _read_remote(call, view, package)
    row = await find_package(call.registry, call.caller, view, package)
    abbreviated = prefers_abbreviated(call.headers.get("accept"))

    async def render() -> bytes:
        packument = await _read(call, view, package, remote)
        renderer = _renderer(call, view)
        say = renderer.abbreviated if abbreviated else renderer.full
        return await beside(len(packument.releases) > _MANY, lambda: say(packument))

    return await index_reply(
        call,
        (NPM, "abbreviated" if abbreviated else "full", str(view), package.name, call.base_url),
        row.revision,
        render,
        content_type=ABBREVIATED_TYPE if abbreviated else FULL_TYPE,
        headers=[_VARY, *_staleness(remote)],
        mirrored=None if remote is None else remote.shown,
    )


async def _read_remote(call: Call, view: View, package: PackageId) -> RemotePackage | None:
    """What upstreams have. Only npm says with each request what it is for: not to install something that may be new."""
    read = partial(read_remote, call.registry, call.caller, view, package)
    if call.headers.get("npm-command") in (None, "publish"):
        return await answer_soon(call.registry, call.caller, package, read)
    return await read()


async def _read(call: Call, view: View, package: PackageId, remote: RemotePackage | None) -> Packument:
    """What is stored, joined with what upstreams have. Raises `PackageUnknown` when that is nothing."""
    stored = await read_stored(call.registry, call.caller, view, package)
    packument = stored
    if remote is not None:
        packument = await beside(len(remote.releases) > _MANY, partial(remote.joined, stored))
    if not packument.releases:
        raise PackageUnknown(f"{view}/{package.name}")
    return packument


def _staleness(remote: RemotePackage | None) -> HeaderList:
    """What a cache says of an answer that it could not renew (RFC 7234, 5.5)."""
    if remote is None or remote.stale is None:
        return []
    return [text_header("warning", f'111 - "the upstream {remote.upstream.name} could not be asked: its last answer"')]


def prefers_abbreviated(accept: str | None) -> bool:
    """Whether the short form is asked for by name, and not less than the full one (RFC 9110, 12.5.1)."""
    qualities = {ABBREVIATED_TYPE: 0.0, FULL_TYPE: 0.0}
    for part in (accept or "")[:2000].split(","):
        name, *parameters = (each.strip().lower() for each in part.split(";"))
        quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        if name in qualities and _QUALITY.fullmatch(quality) is not None:
            qualities[name] = float(quality)
    return qualities[ABBREVIATED_TYPE] > 0 and qualities[ABBREVIATED_TYPE] >= qualities[FULL_TYPE]


async def get_version(call: Call) -> Reply:
    """One version, by its number or by a dist-tag."""
    view = _view(call)
    package, name = _package(call, view), _reference(call.path["version"])
    remote = await read_remote(call.registry, call.caller, view, package)
    row = await find_package(call.registry, call.caller, view, package)
    if name != LATEST and remote is None:
        # That it is not there is found out without reading the whole package.
        await resolve(call.registry, call.caller, view, package, name=name)

    async def render() -> bytes:
        packument = await _read(call, view, package, remote)
        release = packument.find(packument.complete_tags.get(name, name))
        if release is None:
            raise ReferenceUnknown(name)
        return _renderer(call, view).manifest(packument, release)

    key = (NPM, "version", str(view), package.name, name, call.base_url)
    return await index_reply(
        call,
        key,
        row.revision,
        render,
        content_type=FULL_TYPE,
        headers=_staleness(remote),
        mirrored=None if remote is None else remote.shown,
    )


def _reference(text: str) -> ReferenceName:
    """A version or a tag; whatever is neither names nothing."""
    for parse in (RULES.parse_version, parse_tag, parse_loose):
        with suppress(InvalidReference):
            return parse(text)
    raise ReferenceUnknown(ascii(text[:200]))


async def get_tarball(call: Call) -> Reply:
    """A version's file, whole or in part; one that is not here yet comes from an upstream."""
    view = _view(call)
    package = _package(call, view)
    version = parse_tarball_name(package.name, call.path["file"])
    if version is not None:
        digest = await find_tarball(call.registry, call.caller, view, package, version)
        if digest is not None:
            blob = await find_blob(call.registry, call.caller, view, package, digest)
            return await blob_reply(call, blob, _TARBALL_HEADERS, of=package)
        remote = await read_remote(call.registry, call.caller, view, package)
        release = None if remote is None else remote.releases.get(version)
        if remote is not None and release is not None:
            return await arrival_reply(call, await fetch_remote(call.registry, remote, release), _TARBALL_HEADERS)
    await find_package(call.registry, call.caller, view, package)
    raise FileUnknown(ascii(call.path["file"][:200]))


async def get_attestations(call: Call) -> Reply:
    """``npm audit signatures``: the Sigstore bundles that came with a version, or that an upstream has of it."""
    view = _view(call)
    name, _, text = call.path["spec"].rpartition("@")
    package, version = PackageId(view.namespace, NPM, RULES.normalize(name)), parse_loose(text)
    file = None
    with suppress(NotFound):
        file = await _find_bundle(call, view, package, version)
    if file is None:
        remote = await read_remote(call.registry, call.caller, view, package)
        release = None if remote is None else remote.releases.get(version)
        if remote is not None and release is not None:
            content = await fetch_attestations(call.registry, remote, release)
            if content is not None:
                return Reply(200, [(b"content-type", b"application/json"), REVALIDATE], content)
        await resolve(call.registry, call.caller, view, package, name=version)
        raise FileUnknown(f"an attestation of {name}@{version}")
    blob = await find_blob(call.registry, call.caller, view, package, file.digest)
    content = blob.content
    if content is None:
        content = await read_whole(call.registry, blob)
    bundle = {"predicateType": read_predicate_type(content.decode()), "bundle": msgspec.Raw(content)}
    return json_reply({"attestations": [bundle]})


async def _find_bundle(call: Call, view: View, package: PackageId, version: ReferenceName) -> File | None:
    found = await resolve(call.registry, call.caller, view, package, name=version)
    contents = Contents.read(found.content, KIND)
    return None if contents is None else contents.files.get(FilePath(bundle_name(package.name, version)))


async def get_keys(call: Call) -> Reply:
    """``npm audit signatures``: the keys that verify ``dist.signatures``, this registry's and its upstreams'."""
    own = signer_of(call.registry.upload_secret).public_key
    others = await list_remote_keys(call.registry, call.caller, _view(call))
    return json_reply({"keys": [own, *(key for key in others if key.keyid != own["keyid"])]})


# --- packages in ---


async def put_package(call: Call) -> Reply:
    """``npm publish``, ``deprecate`` and ``star``."""
    package = _writable(call)
    await put(call, package)
    return await _changed(call, package)


async def put_package_revision(call: Call) -> Reply:
    """``npm unpublish name@version``, its first half; ``npm owner``, which is refused."""
    package = _writable(call)
    await put_revision(call, package, call.path["revision"])
    return await _changed(call, package)


async def delete_tarball_revision(call: Call) -> Reply:
    """``npm unpublish name@version``, its second half."""
    package = _writable(call)
    await delete_tarball(call, package, call.path["file"], call.path["revision"])
    return json_reply({"ok": True})


async def delete_package_revision(call: Call) -> Reply:
    """``npm unpublish name``."""
    await delete_package(call, _writable(call), call.path["revision"])
    return json_reply({"ok": True})


async def _changed(call: Call, package: PackageId) -> Reply:
    try:
        row = await find_package(call.registry, call.caller, View(package.namespace), package)
        revision = print_revision(row.revision)
    except (PackageUnknown, Unauthenticated):  # Its last version has gone, or one may write and not read.
        revision = None
    return json_reply({"ok": True, "id": package.name, "rev": revision}, status=201)


# --- dist-tags ---


async def get_tags(call: Call) -> Reply:
    """``npm dist-tag ls``."""
    view = _view(call)
    package = _package(call, view)
    remote = await read_remote(call.registry, call.caller, view, package)
    row = await find_package(call.registry, call.caller, view, package)

    async def render() -> bytes:
        return msgspec.json.encode((await _read(call, view, package, remote)).complete_tags)

    return await index_reply(
        call,
        (NPM, "tags", str(view), package.name),
        row.revision,
        render,
        content_type=FULL_TYPE,
        headers=_staleness(remote),
        mirrored=None if remote is None else remote.shown,
    )


async def put_tag(call: Call) -> Reply:
    """``npm dist-tag add``: the body is the version, as a JSON string."""
    package, tag = _writable(call), parse_tag(call.path["tag"])
    version = parse_loose(await call.body.json(str, limit=_SMALL))
    await move_tag(call, package, tag, version)
    return json_reply({"ok": True, "id": package.name, "dist-tags": {tag: version}}, status=201)


async def delete_tag(call: Call) -> Reply:
    """``npm dist-tag rm``."""
    package, tag = _writable(call), parse_tag(call.path["tag"])
    if tag == LATEST:
        raise Denied(f"{package.name} without its latest", expected=f"{LATEST} to be moved to another version")
    await delete_reference(call.registry, call.caller, package, tag)
    return json_reply({"ok": True, "id": package.name})


# --- who may ---


async def get_collaborators(call: Call) -> Reply:
    """``npm access list collaborators``: what the grants say, as far as the caller may see them."""
    view = _view(call)
    package = _package(call, view)
    await find_package(call.registry, call.caller, view, package)
    rights: dict[str, str] = {}
    for grant in await list_grants(call.registry, call.caller):
        if grant.allowance.allows(Action.PUBLISH, View(view.namespace), package.name):
            rights[grant.principal] = "write"
        elif grant.allowance.allows(Action.READ, view, package.name):
            rights.setdefault(grant.principal, "read")
    return json_reply(dict(sorted(rights.items())))


async def get_visibility(call: Call) -> Reply:
    """``npm access get status``: a package is as public as its namespace."""
    view = _view(call)
    await find_package(call.registry, call.caller, view, _package(call, view))
    return json_reply({"public": (await read_namespace(call.registry, call.caller, view.namespace)).public})


class _Access(msgspec.Struct):
    access: str | None = None
    publish_requires_tfa: bool = False


async def post_access(call: Call) -> Reply:
    """``npm access set status=…``: done when it is so already, and refused when it is not."""
    package = _writable(call)
    await access.require(call.registry, call.caller, Action.PUBLISH, package)
    wanted = await call.body.json(_Access, limit=_SMALL)
    public = (await read_namespace(call.registry, call.caller, package.namespace)).public
    if wanted.access not in (None, "public" if public else "restricted") or wanted.publish_requires_tfa:
        raise Denied(f"the access of {package.name}", expected=f"the namespace {package.namespace} to be changed")
    return json_reply({"ok": True})


# --- advisories ---


async def post_audit(call: Call) -> Reply:
    """What older clients ask with ``audit``, of a whole tree: they are told nothing, and newer ones ask otherwise."""
    await call.body.read(_ADVISORIES_SIZE)
    none = dict.fromkeys(("info", "low", "moderate", "high", "critical"), 0)
    counts = dict.fromkeys(("dependencies", "devDependencies", "optionalDependencies", "totalDependencies"), 0)
    return json_reply({"actions": [], "advisories": {}, "muted": [], "metadata": {"vulnerabilities": none, **counts}})


_VIEW: Final = r"/npm/(?P<view>[^/]+)"
_OWN: Final = rf"{_VIEW}/-"
"""What is no package's: ``-`` is no name."""
_NAME: Final = r"(?P<package>@[^/]*/(?!-/)[^/]+|(?!-/)[^/]+)"
_PACKAGE: Final = rf"{_VIEW}/{_NAME}"
_FILE: Final = rf"{_PACKAGE}/-/(?P<file>(?:@[^/]+/)?[^/]+)"
_REVISION: Final = r"-rev/(?P<revision>[^/]+)"
_ABOUT: Final = rf"{_OWN}/package/{_NAME}"
_USER: Final = rf"{_OWN}/user/org\.couchdb\.user:(?P<user>[^/]+)"

ROUTES: Final = (
    Route("GET", _PACKAGE, get_packument, "get_packument"),
    Route("PUT", _PACKAGE, put_package, "put_package"),
    Route("GET", _FILE, get_tarball, "get_tarball"),
    Route("GET", rf"{_OWN}/ping", accounts.ping, "ping"),
    Route("GET", rf"{_OWN}/whoami", accounts.whoami, "whoami"),
    Route("PUT", _USER, accounts.login, "login"),
    Route("PUT", rf"{_USER}/{_REVISION}", accounts.login, "login"),
    Route("POST", rf"{_OWN}/v1/login", accounts.web_login, "login"),
    Route("DELETE", rf"{_OWN}/user/token/(?P<token>[^/]+)", accounts.logout, "logout"),
    Route("GET", rf"{_OWN}/npm/v1/tokens", accounts.get_tokens, "list_tokens"),
    Route("POST", rf"{_OWN}/npm/v1/tokens", accounts.post_token, "create_token"),
    Route("DELETE", rf"{_OWN}/npm/v1/tokens/token/(?P<key>[^/]+)", accounts.delete_token, "revoke_token"),
    Route("GET", rf"{_OWN}/npm/v1/user", accounts.get_profile, "get_profile"),
    Route("POST", rf"{_OWN}/npm/v1/user", accounts.post_profile, "post_profile"),
    Route("GET", rf"{_OWN}/v1/search", get_search, "search"),
    Route("GET", rf"{_OWN}/npm/v1/keys", get_keys, "get_keys"),
    # npm before 11 puts the path of the address in the packument behind the registry's own.
    Route("GET", rf"{_VIEW}/-/npm/v1/attestations/(?P<spec>.+)", get_attestations, "get_attestations"),
    Route(
        "GET", rf"{_VIEW}/npm/(?P<again>[^/]+)/-/npm/v1/attestations/(?P<spec>.+)", get_attestations, "get_attestations"
    ),
    Route("POST", rf"{_OWN}/npm/v1/security/advisories/bulk", post_advisories, "audit"),
    Route("POST", rf"{_OWN}/npm/v1/security/audits", post_audit, "audit"),
    Route("POST", rf"{_OWN}/npm/v1/security/audits/quick", post_audit, "audit"),
    Route("GET", rf"{_ABOUT}/dist-tags", get_tags, "get_tags"),
    Route("PUT", rf"{_ABOUT}/dist-tags/(?P<tag>[^/]+)", put_tag, "put_tag"),
    Route("POST", rf"{_ABOUT}/dist-tags/(?P<tag>[^/]+)", put_tag, "put_tag"),
    Route("DELETE", rf"{_ABOUT}/dist-tags/(?P<tag>[^/]+)", delete_tag, "delete_tag"),
    Route("GET", rf"{_ABOUT}/collaborators", get_collaborators, "get_collaborators"),
    Route("GET", rf"{_ABOUT}/visibility", get_visibility, "get_visibility"),
    Route("POST", rf"{_ABOUT}/access", post_access, "post_access"),
    Route("PUT", rf"{_PACKAGE}/{_REVISION}", put_package_revision, "put_revision"),
    Route("DELETE", rf"{_PACKAGE}/{_REVISION}", delete_package_revision, "delete_package"),
    Route("DELETE", rf"{_FILE}/{_REVISION}", delete_tarball_revision, "delete_tarball"),
    Route("GET", rf"{_PACKAGE}/(?P<version>[^/]+)", get_version, "get_version"),
)
