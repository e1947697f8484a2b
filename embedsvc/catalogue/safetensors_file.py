"""Write tensors as a safetensors file, byte for byte the same with every library version.

The catalogue pins the sha256 of what a conversion writes. The `safetensors` package promises a
format, not the order and the padding of its output, so an upgrade could break every pin; the
format is an eight-byte length, a JSON header and the data.

Source: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import struct
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_DTYPES = {"f4": "F32", "i8": "I64"}


def write_safetensors(file: IO[bytes], tensors: dict[str, np.ndarray]) -> None:
    """Write tensors, widest elements first and then by name, so that every one is aligned.

    Args:
        file: open for writing.
        tensors: float32 and int64 arrays by name.
    """
    import numpy as np

    names = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
    header: dict[str, Any] = {}
    end = 0
    for name in names:
        array = tensors[name]
        start, end = end, end + array.nbytes
        header[name] = {
            "dtype": _DTYPES[array.dtype.str[1:]],
            "shape": list(array.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    # Spaces up to a multiple of eight: the data then starts aligned.
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    for name in names:
        array = tensors[name]
        file.write(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())
