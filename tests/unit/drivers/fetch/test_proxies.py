from __future__ import annotations

import pytest

from entrepot.drivers.fetch.proxies import Proxies
from entrepot.model.errors import UpstreamUnavailable

WEB = ("https", "registry.example.com", 443)


def _url(environment: dict[str, str], place: tuple[str, str, int] = WEB) -> str | None:
    proxy = Proxies.read(environment).choose(place)
    return proxy.url if proxy else None


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, None),
        ({"HTTP_PROXY": "http://p:1"}, None),
        ({"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, "http://p:1"),
        ({"ALL_PROXY": "http://p:1", "HTTPS_PROXY": "http://q:1"}, "http://q:1"),
        ({"HTTPS_PROXY": "http://p:1", "https_proxy": "http://q:1"}, "http://q:1"),
        ({"https_proxy": "q:3128"}, "http://q:3128"),
        ({"https_proxy": "http://q"}, "http://q:80"),
        ({"https_proxy": "https://q"}, "https://q:443"),
        ({"https_proxy": "http://[::1]:3128/"}, "http://[::1]:3128"),
        ({"HTTPS_PROXY": ""}, None),
    ],
)
def test_a_proxy_is_chosen_by_the_scheme(environment: dict[str, str], url: str | None) -> None:
    assert _url(environment) == url


@pytest.mark.parametrize(
    ("exceptions", "place", "excepted"),
    [
        ("*", WEB, True),
        ("example.com", WEB, True),
        (".example.com", WEB, True),
        ("*.example.com", WEB, True),
        ("registry.example.com:443", WEB, True),
        ("registry.example.com:80", WEB, False),
        ("a.example, REGISTRY.example.com", WEB, True),
        ("le.com", WEB, False),
        ("example", WEB, False),
        (".", WEB, False),
        ("10.0.0.0/8", ("http", "10.1.2.3", 80), True),
        ("10.0.0.0/8", ("http", "11.1.2.3", 80), False),
        ("10.1.2.3", ("http", "10.1.2.3", 80), True),
        ("10.1.2.3:81", ("http", "10.1.2.3", 80), False),
        ("fd00::/8", ("http", "fd00::1", 80), True),
        ("[fd00::1]:80", ("http", "fd00::1", 80), True),
        ("fd00::1", ("http", "fd00::2", 80), False),
    ],
)
def test_exceptions_are_asked_directly(exceptions: str, place: tuple[str, str, int], excepted: bool) -> None:
    assert (_url({"ALL_PROXY": "http://p:1", "NO_PROXY": exceptions}, place) is None) == excepted


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_no_proxy_is_asked_for_this_machine(host: str) -> None:
    assert _url({"ALL_PROXY": "http://p:1"}, ("http", host, 8080)) is None


@pytest.mark.parametrize("text", ["socks5://p:1", "http://", "http://p:x", "ftp://p", "http://[::1"])
def test_a_proxy_that_we_cannot_use_is_said_when_it_is_needed(text: str) -> None:
    proxies = Proxies.read({"ALL_PROXY": text})

    with pytest.raises(UpstreamUnavailable):
        proxies.choose(WEB)


def test_what_a_proxy_is_told_does_not_show() -> None:
    proxy = Proxies.read({"ALL_PROXY": "http://ann:hunt%40er2@p:1"}).choose(WEB)

    assert proxy is not None
    assert (proxy.user, proxy.password) == ("ann", "hunt@er2")
    assert "ann" not in repr(proxy)
    assert "er2" not in repr(proxy)
