"""Legacy torch files, put together opcode by opcode: this can neither make nor run a pickle."""

import struct

import numpy as np

PROTO, STOP, MARK, TUPLE, REDUCE = b"\x80\x02", b".", b"(", b"t", b"R"
MAGIC = PROTO + b"\x8a\x0a" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little") + STOP
VERSION = PROTO + b"M\xe9\x03" + STOP
ORDERED_DICT = b"ccollections\nOrderedDict\n)R"


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value):
    return b"J" + struct.pack("<i", value)


def counts(values):
    return MARK + b"".join(map(number, values)) + TUPLE


MACHINE = PROTO + b"}" + MARK + text("little_endian") + b"\x88" + b"u" + STOP


def tensor(
    key="a",
    *,
    kind=b"ctorch\nFloatStorage\n",
    count=6,
    offset=0,
    shape=(2, 3),
    strides=(3, 1),
    view=b"N",
    hooks=ORDERED_DICT,
):
    storage = MARK + text("storage") + kind + text(key) + text("cpu") + number(count) + view
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n"
        + MARK
        + storage
        + TUPLE
        + b"Q"
        + number(offset)
        + counts(shape)
        + counts(strides)
        + b"\x89"
        + hooks
        + TUPLE
        + REDUCE
    )


def state(items, *, end=b""):
    entries = b"".join(text(name) + value for name, value in items.items())
    return PROTO + ORDERED_DICT + MARK + entries + b"u" + end + STOP


def keys(*names):
    return PROTO + b"]" + MARK + b"".join(map(text, names)) + b"e" + STOP


def data(values, dtype="<f4"):
    array = np.asarray(values, dtype)
    return struct.pack("<q", array.size) + array.tobytes()


def legacy(state_part, keys_part, *data_parts):
    return b"".join([MAGIC, VERSION, MACHINE, state_part, keys_part, *data_parts])
