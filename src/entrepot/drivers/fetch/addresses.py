"""Which addresses an upstream may be at: the guard against being led to services that are not meant for the world.

The networks are those of IANA's special-purpose registries, written out here because what the standard library calls
global differs between its versions. What is not known to be public is refused.
"""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final


class Reach(Enum):
    """How far from the public internet a question may go."""

    PUBLIC = "public addresses, unless the upstream may be at private ones"
    NEAR = "public and private addresses"
    """What a private origin leads to: its neighbours, but not this machine."""
    OWN = "any host's address"
    """A private origin itself."""


_SPECIAL_4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private use
            "100.64.0.0/10",  # carrier-grade NAT
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local, and the metadata services of clouds
            "172.16.0.0/12",  # private use
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private use
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
            "168.63.129.16/32",  # public by its number, a cloud's host agent in truth
        ),
    )
)
_PUBLIC_6: Final = IPv6Network("2000::/3")
_SPECIAL_6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, among them Teredo
            "2001:db8::/32",  # documentation
            "3fff::/20",  # documentation
        ),
    )
)
_PRIVATE_4: Final = tuple(map(IPv4Network, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")))
_PRIVATE_6: Final = IPv6Network("fc00::/7")
_METADATA: Final = frozenset(map(ip_address, ("100.100.100.200", "fd00:ec2::254")))
"""The metadata services that clouds keep at private addresses."""
_NO_HOST_4: Final = tuple(map(IPv4Network, ("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4")))
_NAT64: Final = IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = IPv6Network("::/96")


def admits(reach: Reach, text: str) -> bool:
    """Whether a question of that reach may go to the address *text*."""
    try:
        address = _unwrapped(ip_address(text))
    except ValueError:
        return False
    match reach:
        case Reach.PUBLIC:
            return _is_public(address)
        case Reach.NEAR:
            return _is_public(address) or _is_private(address)
        case Reach.OWN:
            return _is_host(address)


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that packets to an IPv6 address end at, where one is embedded."""
    if isinstance(address, IPv4Address):
        return address
    if embedded := address.ipv4_mapped or address.sixtofour:
        return embedded
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_4)
    return address in _PUBLIC_6 and not any(address in network for network in _SPECIAL_6)


def _is_private(address: IPv4Address | IPv6Address) -> bool:
    if address in _METADATA:
        return False
    if isinstance(address, IPv4Address):
        return any(address in network for network in _PRIVATE_4)
    return address in _PRIVATE_6


def _is_host(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NO_HOST_4)
    return not (address.is_unspecified or address.is_multicast)
