"""The proxy variables of the environment, as curl and Go read them.

``HTTPS_PROXY`` and ``HTTP_PROXY`` are for URLs of their scheme, ``ALL_PROXY`` for both; in lower case they count first.
``NO_PROXY`` lists whom no proxy is asked for: names (with all below them), addresses, networks, each perhaps with a
port, or ``*``. This machine itself is never asked of a proxy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from entrepot.drivers.fetch.targets import is_loopback
from entrepot.model.errors import UpstreamUnavailable

if TYPE_CHECKING:
    from entrepot.drivers.fetch.targets import Place


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and what it is told of who asks."""

    url: str
    """Scheme, host and port."""
    user: str
    password: str

    def __repr__(self) -> str:
        return f"Proxy({self.url!r})"


@dataclass(frozen=True, slots=True)
class Proxies:
    """Which proxy to ask, by what is asked for."""

    by_scheme: Mapping[str, str]
    exceptions: tuple[str, ...]

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Proxies:
        """What the variables say."""

        def variable(name: str) -> str:
            return environment.get(name) or environment.get(name.upper()) or ""

        every = variable("all_proxy")
        found = {scheme: variable(f"{scheme}_proxy") or every for scheme in ("http", "https")}
        listed = (each.strip().lower() for each in variable("no_proxy").replace(" ", ",").split(","))
        return cls({scheme: url for scheme, url in found.items() if url}, tuple(filter(None, listed)))

    def choose(self, place: Place) -> Proxy | None:
        """The proxy to ask for what is at *place*; None to go there ourselves.

        Raises `UpstreamUnavailable` when the variable names a proxy that we cannot use.
        """
        scheme, host, port = place
        text = self.by_scheme.get(scheme)
        if text is None or is_loopback(host) or any(_matches(each, host, port) for each in self.exceptions):
            return None
        return _parse(text)


def _parse(text: str) -> Proxy:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UpstreamUnavailable("the environment names a proxy that is no http:// or https:// address")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Proxy(f"{parts.scheme}://{host}:{port}", unquote(parts.username or ""), unquote(parts.password or ""))


def _matches(exception: str, host: str, port: int) -> bool:
    if exception == "*":
        return True
    named, colon, number = exception.rpartition(":")
    if colon and number.isdigit() and (":" not in named or named.endswith("]")):
        if int(number) != port:
            return False
        exception = named
    exception = exception.strip("[]").lstrip("*")
    try:
        return ip_address(host) in ip_network(exception, strict=False)
    except ValueError:
        bare = exception.lstrip(".")
        return bool(bare) and (host == bare or host.endswith(f".{bare}"))
