from __future__ import annotations

import pytest

from entrepot.drivers.fetch.addresses import Reach, admits

PUBLIC = ["8.8.8.8", "1.1.1.1", "192.0.1.1", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2001:4860:4860::8888"]
PRIVATE = ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fc00::1", "fd12:3456::1"]
HERE = ["127.0.0.1", "127.255.255.254", "::1", "169.254.169.254", "fe80::1", "fe80::1%eth0"]
METADATA = ["100.100.100.200", "168.63.129.16", "fd00:ec2::254", "192.0.0.192"]
NO_HOST = ["0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "::", "ff02::1"]  # noqa: S104
SPECIAL = ["192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "2001:db8::1", "2001::1", "100::1", "3fff::1"]
NOT_ADDRESSES = ["", "localhost", "127.1", "0x7f000001", "8.8.8.8 ", "8.8.8.8:80", "[::1]", "010.0.0.1"]


def _embedded(address: str) -> list[str]:
    """An IPv4 address in the disguises that IPv6 has for it."""
    first, second, third, fourth = map(int, address.split("."))
    hexadecimal = f"{first:02x}{second:02x}:{third:02x}{fourth:02x}"
    return [f"::ffff:{address}", f"64:ff9b::{address}", f"2002:{hexadecimal}::1", f"::{address}"]


@pytest.mark.parametrize("address", PUBLIC)
@pytest.mark.parametrize("reach", Reach)
def test_public_addresses_may_always_be_asked(reach: Reach, address: str) -> None:
    assert admits(reach, address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_for_private_origins_and_their_neighbours(address: str) -> None:
    assert [reach for reach in Reach if admits(reach, address)] == [Reach.NEAR, Reach.OWN]


@pytest.mark.parametrize("address", [*HERE, *METADATA])
def test_this_machine_and_the_services_of_its_cloud_are_for_an_origin_that_is_named_so(address: str) -> None:
    assert [reach for reach in Reach if admits(reach, address)] == [Reach.OWN]


@pytest.mark.parametrize("address", SPECIAL)
def test_addresses_for_special_purposes_are_not_public(address: str) -> None:
    assert not admits(Reach.PUBLIC, address)
    assert not admits(Reach.NEAR, address)


@pytest.mark.parametrize("address", [*NO_HOST, *NOT_ADDRESSES])
@pytest.mark.parametrize("reach", Reach)
def test_what_is_no_hosts_address_is_never_asked(reach: Reach, address: str) -> None:
    assert not admits(reach, address)


@pytest.mark.parametrize("address", ["8.8.8.8", "10.0.0.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1"])
@pytest.mark.parametrize("reach", Reach)
def test_a_disguise_changes_nothing(reach: Reach, address: str) -> None:
    for disguise in _embedded(address):
        assert admits(reach, disguise) == admits(reach, address), disguise


@pytest.mark.parametrize("address", ["2001:0:7f00:1::1", "64:ff9b:1::1", "fec0::1", "5f00::1"])
def test_other_ways_through_are_closed(address: str) -> None:
    assert not admits(Reach.PUBLIC, address)
