"""Taking the port of the service, or saying why not."""

import socket

import pytest

from embedsvc.errors import InputError
from embedsvc.server.listening import address_of, is_loopback, listen


@pytest.mark.parametrize(
    ("host", "shown", "alone"),
    [
        ("127.0.0.1", "http://127.0.0.1:", True),
        ("localhost", "http://127.0.0.1:", True),
        ("0.0.0.0", "http://localhost:", False),
    ],
)
def test_where_it_is(host, shown, alone):
    with listen(host, 0) as sock:
        assert address_of(sock) == f"{shown}{sock.getsockname()[1]}"
        assert is_loopback(sock) == alone
        with socket.create_connection(("127.0.0.1", sock.getsockname()[1]), timeout=5):
            pass


def test_addresses_of_version_6_have_brackets():
    try:
        sock = listen("::1", 0)
    except InputError:
        pytest.skip("no IPv6 here")
    with sock:
        assert address_of(sock).startswith("http://[::1]:")
        assert is_loopback(sock)


def test_a_port_in_use():
    with listen("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(InputError, match=rf"port {port} of 127.0.0.1 to be free.*--port"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1", "a" * 300, "x..y", "\ud800"])
def test_hosts_that_are_none_of_ours(host):
    with pytest.raises(InputError, match="--host to be an address of this machine"):
        listen(host, 0)
