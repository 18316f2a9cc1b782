from __future__ import annotations

import httpx
import pytest

from entrepot.drivers.fetch import targets
from entrepot.drivers.fetch.addresses import Reach
from entrepot.model.errors import Invalid, UpstreamInvalid
from entrepot.ports.fetch import Basic, Bearer, Origin

SECRET = Basic("ann", "hunter2")
HOME = Origin.parse("https://registry.example.com/base", credentials=SECRET)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://Registry.Example.COM", "https://registry.example.com"),
        ("HTTPS://registry.example.com./", "https://registry.example.com"),
        ("https://registry.example.com:443/a/", "https://registry.example.com/a"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://my_registry:8080/@acme/x%20y", "http://my_registry:8080/@acme/x%20y"),
        ("https://[0:0:0::1]:8443/v2", "https://[::1]:8443/v2"),
    ],
)
def test_an_origin_is_written_one_way(written: str, read: str) -> None:
    origin = Origin.parse(written)

    assert str(origin) == read
    assert Origin.parse(read) == origin


@pytest.mark.parametrize(
    "written",
    [
        "",
        "registry.example.com",
        "//registry.example.com",
        "ftp://registry.example.com",
        "https://",
        "https://:443",
        "https://registry.example.com:0",
        "https://registry.example.com:65536",
        "https://registry.example.com/?a=1",
        "https://registry.example.com/#a",
        "https://registry.example.com/../a",
        "https://registry.example.com/a/%2e%2E",
        "https://registry.example.com/a b",
        "https://registry.example.com/%4",
        "https://[:::]/",
        "https://[::1",
        "https://olga:hunter2@registry.example.com",
        "https://olga:hunt/er2@registry.example.com",
        "https://olga:hunter2@@registry.example.com\n",
    ],
)
def test_what_is_no_origin_is_refused_without_telling_a_password(written: str) -> None:
    with pytest.raises(Invalid) as refused:
        Origin.parse(written)

    assert "olga" not in str(refused.value)
    assert "er2" not in str(refused.value)


@pytest.mark.parametrize("credentials", [SECRET, Bearer("hunter2")])
def test_secrets_do_not_show(credentials: Basic | Bearer) -> None:
    origin = Origin.parse("https://registry.example.com", credentials=credentials, authority="hunter2")

    assert "hunter2" not in f"{origin} {origin!r} {credentials!r}"


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("", "https://registry.example.com/base/"),
        ("a/b?c=d/..", "https://registry.example.com/base/a/b?c=d/.."),
        ("/a", "https://registry.example.com/base/a"),
        ("//evil.example.com/a", "https://registry.example.com/base//evil.example.com/a"),
        ("@evil.example.com/a", "https://registry.example.com/base/@evil.example.com/a"),
        ("@acme%2fx", "https://registry.example.com/base/@acme%2fx"),
        ("https://files.example.com/a#sha256=0", "https://files.example.com/a"),
        ("HTTPS://Files.Example.com:443/a", "https://files.example.com/a"),
    ],
)
def test_a_target_is_below_the_origin_or_absolute(target: str, url: str) -> None:
    assert str(targets.resolve(HOME, target)) == url


@pytest.mark.parametrize(
    "target",
    [
        "..",
        "a/..",
        "https://ann@files.example.com/",
        "https://olga:hunter2@files.example.com/",
        "https:///a",
        "https://files.example.com:99999/",
        "https://files.example.com:x/",
        "https://%31%32%37.0.0.1/",
        "https://127.0.0.1%00.example.com/",
        "https://a b/",
        "http://files.example.com/",
        "https://" + "a" * 9000,
    ],
)
def test_a_target_that_is_no_good_is_refused(target: str) -> None:
    with pytest.raises(UpstreamInvalid) as refused:
        targets.resolve(HOME, target)

    assert "hunter2" not in str(refused.value)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://registry.example.com/elsewhere", True),
        ("https://registry.example.com:443/", True),
        ("https://registry.example.com:8443/", False),
        ("https://registry.example.com.evil.example.com/", False),
        ("https://files.registry.example.com/", False),
        ("https://example.com/", False),
        ("http://registry.example.com/", False),
        ("http://registry.example.com:443/", False),
    ],
)
def test_credentials_are_for_the_origin_alone(url: str, told: bool) -> None:
    assert (targets.authorization(HOME, httpx.URL(url)) is not None) == told


def test_a_token_that_would_break_the_head_is_not_sent() -> None:
    origin = Origin.parse("https://registry.example.com", credentials=Bearer("a\r\nx-evil: 1"))

    with pytest.raises(UpstreamInvalid):
        targets.authorization(origin, httpx.URL("https://registry.example.com/"))


def test_only_a_private_origin_itself_may_be_at_this_machine() -> None:
    private = Origin.parse("http://localhost:8080", private=True)
    own, other = httpx.URL("http://localhost:8080/x"), httpx.URL("http://localhost:8081/x")

    assert [targets.reach(private, own), targets.reach(private, other)] == [Reach.OWN, Reach.NEAR]
    assert targets.reach(HOME, httpx.URL("https://registry.example.com/")) is Reach.PUBLIC


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.0.0.1",
        "::1",
        "::ffff:10.0.0.1",
        "localhost",
        "a.localhost",
        "localhost.localdomain",
        "registry",
        "metadata.google.internal",
        "nas.local",
        "127.1",
        "2130706433",
        "0x7f.1",
        "017700000001",
        "10.0.0.1.",
    ],
)
def test_a_proxy_is_not_asked_for_what_is_inside_by_its_name(host: str) -> None:
    assert not targets.may_be_named(Reach.PUBLIC, host)


@pytest.mark.parametrize("host", ["registry.example.com", "registry.example.com.", "8.8.8.8", "2606:4700::1111"])
def test_a_proxy_is_asked_for_any_other(host: str) -> None:
    assert targets.may_be_named(Reach.PUBLIC, host)


def test_a_proxy_may_be_asked_for_the_neighbours_of_a_private_origin() -> None:
    assert targets.may_be_named(Reach.NEAR, "storage.internal")
    assert targets.may_be_named(Reach.NEAR, "10.0.0.1")
    assert not targets.may_be_named(Reach.NEAR, "localhost")
    assert not targets.may_be_named(Reach.NEAR, "169.254.169.254")
    assert targets.may_be_named(Reach.OWN, "registry")
