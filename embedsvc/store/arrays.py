"""Named arrays in one safetensors file, read as untrusted data.

Layout: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from embedsvc.errors import ArtifactError
from embedsvc.files import atomic_write, format_bytes

Arrays = dict[str, NDArray[Any]]

MOST_BYTES = 4 << 30
_MOST_HEADER = 1 << 20
_DTYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "I32": np.dtype("<i4"),
    "I64": np.dtype("<i8"),
    "U32": np.dtype("<u4"),
}
_KNOWN = "float32, float64, int32, int64 or uint32"


def write_arrays(path: Path, arrays: Arrays, *, metadata: Mapping[str, str] | None = None) -> None:
    """Write arrays, so that the file is whole or not there; memory for one of them is enough.

    Args:
        path: a file, replaced where there is one.
        arrays: float32, float64, int32, int64 or uint32, finite.
        metadata: texts to put in the header.

    Raises:
        ArtifactError: an array is of another type or not finite.
        OSError: it cannot be written.
    """
    for name, array in arrays.items():
        if array.dtype not in _DTYPES.values():
            raise ArtifactError(f"Expected {name} to be {_KNOWN}, got {array.dtype}.")
    _check_finite(arrays, path)
    # Wide numbers first: then each array begins at a multiple of its own numbers' bytes.
    names = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    with atomic_write(path) as file:
        file.write(_header({name: arrays[name] for name in names}, metadata))
        for name in names:
            file.write(np.ascontiguousarray(arrays[name]).data)


def read_arrays(path: Path, *, most_bytes: int = MOST_BYTES) -> Arrays:
    """Read arrays; what the header promises is compared with the file before anything is read.

    Args:
        path: a safetensors file.
        most_bytes: the largest file that is read.

    Returns:
        Float32, float64, int32, int64 and uint32 arrays by name.

    Raises:
        ArtifactError: the file is missing, broken, too large, holds other types, or numbers that
            are not finite.
    """
    try:
        with path.open("rb") as file:
            _check_header(file, os.fstat(file.fileno()).st_size, most_bytes)
        arrays = dict(load_file(path))
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as err:
        raise ArtifactError(
            f"Expected readable arrays in {path}, got: {err}. Copy or save it again."
        ) from err
    _check_finite(arrays, path)
    return arrays


def _header(arrays: Arrays, metadata: Mapping[str, str] | None) -> bytes:
    """The header of arrays that follow one another."""
    kinds = {dtype: kind for kind, dtype in _DTYPES.items()}
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    start = 0
    for name, array in arrays.items():
        end = start + array.nbytes
        shape = list(array.shape)
        header[name] = {"dtype": kinds[array.dtype], "shape": shape, "data_offsets": [start, end]}
        start = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _check_header(file: IO[bytes], size: int, most_bytes: int) -> None:
    """Compare the file's header with the file.

    Raises:
        ValueError, KeyError or TypeError: they do not agree.
    """
    if size > most_bytes:
        raise ValueError(
            f"a file of {format_bytes(size)}, more than the {format_bytes(most_bytes)} allowed"
        )
    start = file.read(8)
    if len(start) < 8:
        raise ValueError("a file without a header")
    (length,) = struct.unpack("<Q", start)
    if length > min(_MOST_HEADER, size - 8):
        raise ValueError(f"a header of {length:,} bytes in a file of {size:,}")
    header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError(f"a header that is a {type(header).__name__}")
    header.pop("__metadata__", None)
    promised = sum(_promised_bytes(name, entry) for name, entry in header.items())
    if promised != size - 8 - length:
        raise ValueError(
            f"{size - 8 - length:,} bytes of data where the header promises {promised:,}"
        )


def _promised_bytes(name: str, entry: Any) -> int:
    dtype, shape = entry["dtype"], entry["shape"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise ValueError(f"{name} of type {dtype!r}, which is none of {', '.join(_DTYPES)}")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"{name} of shape {str(shape)[:80]}")
    return math.prod(shape) * _DTYPES[dtype].itemsize


def _check_finite(arrays: Arrays, path: Path) -> None:
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ArtifactError(
                f"Expected finite numbers in {name} of {path}, got NaN or infinity. "
                "Train and save the model again."
            )
