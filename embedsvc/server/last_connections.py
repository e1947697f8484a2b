"""Closing a listening socket without resetting a connection.

The system accepts connections before the program takes them. One that waits when the socket closes
is reset, with the request its client may have sent. So first no new ones are let in, then those
that wait are taken, and only then it is closed.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import sys

# Linux: of all packets to the listening socket, drop those that begin a connection (with SYN, bit 2
# in byte 13 of TCP's header). Their senders try again a second later, and are refused then. See
# socket(7) and https://docs.kernel.org/networking/filter.html
_SO_ATTACH_FILTER = 26
_DROP_SYN = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 13),  # load byte 13
        (0x45, 0, 1, 0x02),  # where it has SYN: the next line, otherwise the one after
        (0x06, 0, 0, 0),  # drop
        (0x06, 0, 0, 0xFFFFFFFF),  # keep
    )
)


def let_none_in(listener: socket.socket) -> None:
    """Let nobody begin a connection to a socket any more, for all processes that share it."""
    program = ctypes.create_string_buffer(_DROP_SYN, len(_DROP_SYN))
    attached = struct.pack("HP", len(_DROP_SYN) // 8, ctypes.addressof(program))
    with contextlib.suppress(OSError):
        if sys.platform == "linux":
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, attached)
        else:
            listener.listen(0)  # few enough that the moment until it closes is short


def take_all(listener: socket.socket) -> list[socket.socket]:
    """Accept all connections that wait, and close the listening socket in the same moment."""
    taken: list[socket.socket] = []
    listener.settimeout(0)
    with contextlib.suppress(BlockingIOError, ConnectionAbortedError), listener:
        while True:
            taken.append(listener.accept()[0])
    return taken
