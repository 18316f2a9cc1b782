"""Where a question goes: targets made into URLs, redirects followed or refused, and who is told the credentials.

1. Only ``http`` and ``https``; nobody is sent a user or a password within a URL.
2. A path stays below the origin's own.
3. From ``https`` nothing leads to ``http``.
4. Credentials go to the origin's own scheme, host and port.
5. Only a private origin itself may be at this machine's addresses (`Reach`).
"""

from __future__ import annotations

import re
from base64 import b64encode
from ipaddress import IPv6Address
from typing import Final

import httpx

from entrepot.drivers.fetch.addresses import Reach, admits
from entrepot.model.errors import UpstreamInvalid
from entrepot.ports.fetch import Basic, Bearer, Origin

_ABSOLUTE: Final = re.compile(r"https?://", re.IGNORECASE)
_NAME: Final = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_])?\.?")
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?")
"""A name whose last part is a number is an address in one of its old spellings, to whoever resolves it."""
_DOTTED: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_PORTS: Final = {"http": 80, "https": 443}
_LAST_PORT: Final = 65535
_LONGEST: Final = 8192
_HERE: Final = ("localhost", "localdomain")
_INSIDE: Final = ("local", "internal", "lan", "home", "corp", "intranet", "private", "arpa")

Place = tuple[str, str, int]
"""Scheme, host and port."""


def place(url: httpx.URL) -> Place:
    """Whom *url* asks. Raises `ValueError` when it is nobody."""
    host = url.raw_host.decode("ascii")
    port = _PORTS[url.scheme] if url.port is None else url.port
    if ":" in host:
        host = str(IPv6Address(host))
    elif not _NAME.fullmatch(host):
        raise ValueError("that is no name of a host")
    if not 0 < port <= _LAST_PORT:
        raise ValueError("that is no port")
    return url.scheme, host, port


def shown(url: httpx.URL) -> str:
    """*url* as people may read it: without its query, which may hold a signature."""
    return str(url.copy_with(query=None, fragment=None))


def resolve(origin: Origin, target: str) -> httpx.URL:
    """Where *target* is. Raises `UpstreamInvalid`."""
    if _ABSOLUTE.match(target):
        url = _parse(target)
        _refuse_descent(origin.scheme, url)
        return url
    path = target.partition("?")[0]
    if any(part.lower().replace("%2e", ".") in (".", "..") for part in path.split("/")):
        raise UpstreamInvalid(_cut(target), expected="a path that stays below the upstream's own")
    return _parse(f"{origin}/{target.removeprefix('/')}")


def follow(url: httpx.URL, location: str | None) -> httpx.URL:
    """Where an answer from *url* redirects to. Raises `UpstreamInvalid`."""
    if not location:
        raise UpstreamInvalid(shown(url), expected="a redirect that says where to")
    try:
        joined = str(url.join(location))
    except (httpx.InvalidURL, ValueError) as error:
        raise UpstreamInvalid(_cut(location), expected="the address that a redirect leads to") from error
    target = _parse(joined)
    _refuse_descent(url.scheme, target)
    return target


def _parse(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text) if len(text) <= _LONGEST else None
        if url is not None and url.scheme in _PORTS and url.host and not url.userinfo:
            place(url)
            return url.copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError) as error:
        raise UpstreamInvalid(_cut(text), expected="an http or https URL") from error
    raise UpstreamInvalid(_cut(text), expected=f"an http or https URL of at most {_LONGEST} bytes, without a password")


def _cut(text: str) -> str:
    """The beginning of what may be long, without what may be a password or a signature."""
    return re.sub(r"//[^/?#]*@", "//…@", text.partition("?")[0])[:200]


def _refuse_descent(scheme: str, url: httpx.URL) -> None:
    if scheme == "https" and url.scheme != "https":
        raise UpstreamInvalid(shown(url), expected="https, as where it was named")


def is_own(origin: Origin, url: httpx.URL) -> bool:
    """Whether *url* is at the origin itself."""
    return place(url) == (origin.scheme, origin.host, origin.port)


def reach(origin: Origin, url: httpx.URL) -> Reach:
    """How far from the public internet this may go."""
    if not origin.private:
        return Reach.PUBLIC
    return Reach.OWN if is_own(origin, url) else Reach.NEAR


def authorization(origin: Origin, url: httpx.URL) -> str | None:
    """What *url* is told of who asks: nothing, except at the origin itself. Raises `UpstreamInvalid`."""
    if not is_own(origin, url):
        return None
    match origin.credentials:
        case Basic(user, password):
            return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
        case Bearer(token) if token.isascii() and token.isprintable():
            return f"Bearer {token}"
        case Bearer():  # a registry may have handed it out itself
            raise UpstreamInvalid(str(origin), expected="a token of visible characters")
        case None:
            return None


def is_loopback(host: str) -> bool:
    """Whether *host* says by itself that it is this machine."""
    return _last_label(host) == "localhost" or host == "::1" or (bool(_DOTTED.fullmatch(host)) and host[:4] == "127.")


def may_be_named(reach: Reach, host: str) -> bool:
    """Whether *host* may be asked of a proxy, as far as its name alone says.

    A proxy resolves names itself, so only literal addresses and names that are inside by custom can be told.
    """
    if ":" in host or _DOTTED.fullmatch(host):
        return admits(reach, host)
    if reach is Reach.OWN:
        return True
    label = _last_label(host)
    if _NUMERIC.fullmatch(host) or label in _HERE:
        return False
    return reach is Reach.NEAR or ("." in host.rstrip(".") and label not in _INSIDE)


def _last_label(host: str) -> str:
    return host.lower().rstrip(".").rpartition(".")[2]
