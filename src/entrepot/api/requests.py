"""What handlers read from a call, each parsed once: places, bodies, queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec import UnsetType

from entrepot.api.shapes import upstreams as shapes
from entrepot.model.access import Allowance
from entrepot.model.digest import Digest
from entrepot.model.errors import Invalid, Unauthenticated
from entrepot.model.names import FormatName, PackageId, PackagePattern, View, parse_reference
from entrepot.operations import access
from entrepot.ports.fetch import Basic, Bearer
from entrepot.wire.call import decode_json, misshapen

if TYPE_CHECKING:
    from entrepot.model.access import Role
    from entrepot.model.names import ReferenceName
    from entrepot.ports.fetch import Credentials
    from entrepot.ports.formats import Rules
    from entrepot.wire.call import Call

S = TypeVar("S", bound=msgspec.Struct)

_BODY_SIZE: Final = 256 * 1024


async def read_body(call: Call, shape: type[S], *, optional: bool = False) -> S:
    """The body, as JSON of a shape. Raises `Unauthenticated`, `Invalid`, `TooLarge`.

    Forms and plain text are refused: a browser sends them anywhere, with the credentials that it remembers.
    """
    if call.caller.principal is None:
        # Nobody may change anything without credentials, so nothing is read and held for them.
        raise Unauthenticated
    content = await call.body.read(_BODY_SIZE)
    if optional and not content:
        return shape()
    media_type = (call.headers.get("content-type") or "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise Invalid("Content-Type", expected="application/json", actual=media_type[:100])
    return decode_json(content, shape)


def read_query(call: Call, shape: type[S]) -> S:
    """The query, as a shape; a parameter that it does not have is refused. Raises `Invalid`."""
    given = {name: call.query.get(name) for name in call.query.names()}
    try:
        return msgspec.convert(given, shape, strict=False)
    except msgspec.ValidationError as error:
        raise misshapen("query", error) from error


def parse_place(call: Call) -> tuple[View, PackageId]:
    """The view and the package that the path names. Raises `InvalidName`, `Invalid`."""
    view = View.parse(call.path["view"])
    rules = parse_format(call, call.path["format"])
    return view, PackageId(view.namespace, rules.format, rules.normalize(call.path["package"]))


def parse_writable(call: Call) -> PackageId:
    """The package that the path names, through a view that can be written. Raises like `parse_place`, and `ReadOnly`."""
    view, package = parse_place(call)
    access.require_writable(view)
    return package


def parse_whole(call: Call) -> PackageId:
    """The package that the path names, for questions about all of it. Raises like `parse_place`."""
    view, package = parse_place(call)
    if view.channel is not None:
        raise Invalid(view, expected=f"{view.namespace}: a channel shows what is cleared, and no history")
    return package


def parse_target(call: Call) -> ReferenceName | Digest:
    """What ``artifact`` in the path names: by a name, or by its digest. Raises `InvalidReference`, `InvalidDigest`."""
    text = call.path["artifact"]
    return Digest.parse(text) if ":" in text else parse_reference(text)


def parse_artifact(call: Call) -> tuple[ReferenceName | None, Digest | None]:
    """The name or the digest that the path names: only a digest has a colon. Raises `InvalidDigest`, `InvalidReference`."""
    text = call.path["artifact"]
    return (None, Digest.parse(text)) if ":" in text else (parse_reference(text), None)


def parse_format(call: Call, text: str) -> Rules:
    """The rules of a format by its name. Raises `Invalid`."""
    rules = call.registry.formats.get(FormatName(text))
    if rules is None:
        raise Invalid(text[:100], expected=f"a format: {', '.join(sorted(call.registry.formats))}")
    return rules


def parse_allowance(role: Role, view: str | None, pattern: str) -> Allowance:
    """What a grant gives, or a scope narrows to; no view means everywhere, and an empty one nothing.

    Raises `InvalidName`.
    """
    return Allowance(role, None if view is None else View.parse(view), PackagePattern.parse(pattern))


def parse_credentials(given: shapes.Credentials | None) -> Credentials | None:
    """What another registry is asked with. Raises `Invalid`, which tells nothing of it."""
    match given:
        case None:
            return None
        case shapes.Credentials(user=str(user), password=str(password), token=UnsetType()):
            return Basic(user, password)
        case shapes.Credentials(user=UnsetType(), password=UnsetType(), token=str(token)):
            return Bearer(token)
    raise Invalid("credentials", expected="`user` and `password`, or `token`")
