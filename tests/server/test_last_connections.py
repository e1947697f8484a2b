"""A listening socket is closed without resetting anybody."""

import socket
import sys

import pytest

from embedsvc.server.last_connections import let_none_in, take_all


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0), backlog=50) as sock:
        yield sock


def test_all_that_wait_are_taken_and_the_rest_is_refused(listener):
    address = listener.getsockname()
    waiting = [socket.create_connection(address, timeout=5) for _ in range(10)]
    for one in waiting:
        one.sendall(b"hello")
    let_none_in(listener)
    taken = take_all(listener)
    assert [one.recv(5) for one in taken] == [b"hello"] * 10
    for one in taken:
        one.sendall(b"welcome")
    assert [one.recv(7) for one in waiting] == [b"welcome"] * 10
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)
    for one in (*waiting, *taken):
        one.close()


@pytest.mark.skipif(sys.platform != "linux", reason="a filter of Linux")
def test_nobody_comes_in_between(listener):
    let_none_in(listener)
    with socket.socket() as late:
        late.settimeout(0.2)
        with pytest.raises(TimeoutError):
            late.connect(listener.getsockname())
    assert take_all(listener) == []


def test_others_that_share_the_socket_go_on(listener):
    other = listener.dup()
    assert take_all(listener) == []
    with other, socket.create_connection(other.getsockname(), timeout=5):
        assert len(found := take_all(other)) == 1
        found[0].close()
