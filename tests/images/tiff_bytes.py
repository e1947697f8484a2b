"""TIFF files of depths that Pillow reads but does not write."""

from __future__ import annotations

import struct


def tiff(
    data: bytes,
    *,
    height: int,
    width: int,
    bits: int = 16,
    channels: int = 1,
    sample_format: int = 1,
    order: str = "<",
) -> bytes:
    """One uncompressed strip; `sample_format` 1 unsigned, 2 signed, 3 float."""
    strip = -1  # Its place is known last.
    tags = [
        (256, "I", (width,)),
        (257, "I", (height,)),
        (258, "H", (bits,) * channels),
        (259, "H", (1,)),
        (262, "H", (2 if channels > 1 else 1,)),
        (273, "I", (strip,)),
        (277, "H", (channels,)),
        (278, "I", (height,)),
        (279, "I", (len(data),)),
        (339, "H", (sample_format,) * channels),
    ]
    after = 8 + 2 + 12 * len(tags) + 4
    long_values = [struct.pack(f"{order}{len(v)}{t}", *v) for _, t, v in tags if len(v) > 2]
    strip = after + sum(map(len, long_values))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    for tag, kind, values in tags:
        head += struct.pack(f"{order}HHI", tag, {"H": 3, "I": 4}[kind], len(values))
        if len(values) > 2:
            head += struct.pack(f"{order}I", after)
            after += 2 * len(values)
        else:
            values = (strip,) if tag == 273 else values
            head += struct.pack(f"{order}{len(values)}{kind}", *values).ljust(4, b"\0")
    return head + bytes(4) + b"".join(long_values) + data
