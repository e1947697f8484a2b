"""The socket of the service: taken before anything slow begins, so that a port in use is told."""

from __future__ import annotations

import errno
import socket

from embedsvc.errors import InputError

BACKLOG = 2048
"""Connections that may wait to be accepted; the system may have a lower limit."""


def listen(host: str, port: int) -> socket.socket:
    """Listen on an address.

    Args:
        host: an address of this machine, or a name of one; "0.0.0.0" and "::" are all of them.
        port: 0 takes a free one.

    Raises:
        InputError: the port is in use or not allowed, or the host is none of this machine's.
    """
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
        # A name such as localhost may have addresses of both kinds; clients try all of them.
        family, *_, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as err:
        raise InputError(_refusal(host, port, err)) from err


def address_of(listener: socket.socket) -> str:
    """Where clients on this machine reach a socket: "http://127.0.0.1:8080"."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(listener: socket.socket) -> bool:
    """Whether other machines cannot reach a socket."""
    host = str(listener.getsockname()[0])
    return host == "::1" or host.startswith("127.")


def _refusal(host: str, port: int, err: OSError | UnicodeError) -> str:
    code = getattr(err, "errno", None)
    if code == errno.EADDRINUSE:
        return (
            f"Expected port {port} of {host} to be free, got one that another program listens on, "
            "perhaps an earlier embedsvc serve. Stop that one, or choose another --port (0 takes "
            f"a free one). To see which it is: ss -ltnp 'sport = :{port}'"
        )
    if code == errno.EACCES:
        return (
            f"Expected a port that this user may listen on, got {port}. Ports below 1024 are kept "
            "for the system: choose another --port, such as 8080."
        )
    reason = getattr(err, "strerror", None) or str(err)
    return (
        f"Expected --host to be an address of this machine, got {host!r}: {reason}. Use 127.0.0.1 "
        "for this machine alone, or 0.0.0.0 for all networks it is in."
    )
