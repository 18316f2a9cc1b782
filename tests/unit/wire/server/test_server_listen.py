"""Where to listen, in a person's words."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from entrepot.wire.server import BindError, bind, urls


@contextlib.contextmanager
def listening(listen: str) -> Iterator[list[socket.socket]]:
    sockets = bind(listen)
    try:
        yield sockets
    finally:
        for each in sockets:
            each.close()


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def port_of(sockets: list[socket.socket]) -> int:
    port: int = sockets[0].getsockname()[1]
    return port


def test_one_address_is_one_socket() -> None:
    with listening("127.0.0.1:0") as sockets:
        assert urls(sockets) == [f"http://127.0.0.1:{port_of(sockets)}"]
        assert urls(sockets, "https")[0].startswith("https://")
        socket.create_connection(("127.0.0.1", port_of(sockets))).close()


@needs_ipv6
def test_an_address_of_ipv6_stands_in_brackets() -> None:
    with listening("[::1]:0") as sockets:
        assert urls(sockets) == [f"http://[::1]:{port_of(sockets)}"]


@needs_ipv6
def test_localhost_is_both_loopback_addresses_with_one_port() -> None:
    with listening("localhost:0") as sockets:
        port = port_of(sockets)

        assert urls(sockets) == [f"http://127.0.0.1:{port}", f"http://[::1]:{port}"]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port)).close()


@needs_ipv6
def test_localhost_chooses_a_port_that_is_free_at_both() -> None:
    """Ports that are taken at ::1 alone do not make it fail."""
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(socket.create_server(("::1", 0), family=socket.AF_INET6))
        with listening("localhost:0") as sockets:
            assert len(sockets) == 2


@needs_ipv6
def test_localhost_with_a_port_that_is_taken_at_one_address_is_an_error() -> None:
    with listening("[::1]:0") as sockets, pytest.raises(BindError, match="another program"):
        bind(f"localhost:{port_of(sockets)}")


def test_all_addresses_can_be_meant() -> None:
    with listening("0.0.0.0:0") as sockets:
        socket.create_connection(("127.0.0.1", port_of(sockets))).close()


@needs_ipv6
def test_all_addresses_of_both_kinds_can_be_meant() -> None:
    with listening("[::]:0") as sockets:
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port_of(sockets))).close()


def test_a_port_that_is_taken_is_said_to_be() -> None:
    with listening("127.0.0.1:0") as sockets:
        listen = f"127.0.0.1:{port_of(sockets)}"
        with pytest.raises(BindError, match=f"cannot listen at {listen}: another program listens there already"):
            bind(listen)


@pytest.mark.parametrize(
    "listen", ["", "8080", "localhost", "localhost:", "localhost:http", "localhost:65536", "::1:80"]
)
def test_words_that_are_not_an_address_are_said_to_be_wrong(listen: str) -> None:
    with pytest.raises(BindError, match=r"write HOST:PORT, such as localhost:8080 or \[::1\]:8080"):
        bind(listen)


@pytest.mark.parametrize("listen", [":8080", "[]:8080"])
def test_the_address_must_be_said(listen: str) -> None:
    with pytest.raises(BindError, match=r"0\.0\.0\.0 is every one"):
        bind(listen)


def test_an_address_of_another_machine_is_said_to_be() -> None:
    with pytest.raises(BindError, match="this machine has no such address"):
        bind("192.0.2.1:0")


def test_a_host_that_nobody_knows_is_said_to_be() -> None:
    with pytest.raises(BindError, match=r"nothing is known of the host 'no-such-host\.invalid'"):
        bind("no-such-host.invalid:0")
