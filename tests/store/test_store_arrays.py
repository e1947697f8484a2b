"""Arrays on the disk: what is written is read, and nothing else is."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from embedsvc.errors import ArtifactError
from embedsvc.store import arrays
from embedsvc.store.arrays import read_arrays, write_arrays

ARRAYS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3).T,  # not contiguous
    "b": np.array([1e-300, -0.0]),
    "c": np.empty((0, 4), np.int64),
    "d": np.array(7, np.int64),
    "e": np.array([1, 2**32 - 1], np.uint32),
    "f": np.array([[-1]], np.int32),
    "Zahnrad \u2699": np.arange(3, dtype=np.float32)[::-1],
}


def file_of(tmp_path: Path, header: Any, data: bytes = b"", *, length: int | None = None) -> Path:
    path = tmp_path / "made.safetensors"
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def test_what_is_written_is_read(tmp_path: Path):
    path = tmp_path / "state.safetensors"
    write_arrays(path, ARRAYS)
    found = read_arrays(path)
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
    assert list(tmp_path.iterdir()) == [path]


def test_the_library_reads_it_and_every_array_is_aligned(tmp_path: Path):
    path = tmp_path / "state.safetensors"
    write_arrays(path, ARRAYS, metadata={"format": "pt", "by": "Zahnrad \u2699"})
    with safe_open(path, framework="numpy") as file:
        assert file.metadata() == {"format": "pt", "by": "Zahnrad \u2699"}
        assert set(file.keys()) == set(ARRAYS)
        for name in file.keys():  # noqa: SIM118 - it is no dict
            np.testing.assert_array_equal(file.get_tensor(name), ARRAYS[name])
    (length,) = struct.unpack("<Q", path.read_bytes()[:8])
    assert length % 8 == 0
    header = json.loads(path.read_bytes()[8 : 8 + length])
    for name, array in ARRAYS.items():
        assert header[name]["data_offsets"][0] % array.dtype.itemsize == 0


def test_no_arrays(tmp_path: Path):
    write_arrays(tmp_path / "x", {})
    assert read_arrays(tmp_path / "x") == {}


def test_metadata_of_others_does_no_harm(tmp_path: Path):
    path = file_of(tmp_path, {"__metadata__": {"by": "hand"}, "a": entry()}, bytes(8))
    assert read_arrays(path)["a"].tolist() == [0, 0]


@pytest.mark.parametrize(
    "array", [np.zeros(2, np.float16), np.zeros(2, np.int16), np.array(["a"]), np.array([None])]
)
def test_other_types_are_not_written(array: np.ndarray, tmp_path: Path):
    with pytest.raises(
        ArtifactError, match="a to be float32, float64, int32, int64 or uint32, got"
    ):
        write_arrays(tmp_path / "x", {"a": array})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_neither_written_nor_read(value: float, tmp_path: Path):
    with pytest.raises(ArtifactError, match="finite numbers in a of"):
        write_arrays(tmp_path / "x", {"a": np.array([1.0, value])})
    path = file_of(tmp_path, {"a": entry("F64", [1])}, struct.pack("<d", value))
    with pytest.raises(ArtifactError, match="finite numbers in a of"):
        read_arrays(path)


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        (b"", b"", "arrays in .*made"),
        (b"[]", b"", "a header that is a list"),
        (b"{]", b"", "Expecting property name"),
        (b"[" * 100_000, b"", "recursion"),
        (b"\xff\xfe{}", b"", "arrays in"),
        (
            {"a": entry("F16")},
            bytes(8),
            "a of type 'F16', which is none of F32, F64, I32, I64, U32",
        ),
        ({"a": entry(["F32"])}, bytes(8), r"a of type \['F32'\]"),
        ({"a": entry("BOOL", [8])}, bytes(8), "a of type 'BOOL'"),
        ({"a": entry(shape=[3])}, bytes(8), "8 bytes of data where the header promises 12"),
        ({"a": entry(shape=[2**40, 2**40])}, bytes(8), "the header promises 4,835,703,278"),
        ({"a": entry(shape=[-2])}, bytes(8), r"a of shape \[-2\]"),
        ({"a": entry(shape=[2.0])}, bytes(8), r"a of shape \[2.0\]"),
        ({"a": entry(shape=[True, 2])}, bytes(8), "a of shape"),
        ({"a": entry(shape="ab")}, bytes(8), "a of shape ab"),
        ({"a": {"dtype": "F32"}}, bytes(8), "'shape'"),
        ({"a": 7}, bytes(8), "not subscriptable"),
        ({"a": entry(offsets=[4, 12])}, bytes(8), "arrays in"),
        ({"a": entry(), "b": entry()}, bytes(16), "arrays in"),  # both claim the same bytes
        ({"a": entry()}, bytes(9), "9 bytes of data where the header promises 8"),
    ],
)
def test_headers_that_lie(header: Any, data: bytes, message: str, tmp_path: Path):
    with pytest.raises(ArtifactError, match=message):
        read_arrays(file_of(tmp_path, header, data))


def test_files_that_are_no_such_thing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ArtifactError, match="No such file"):
        read_arrays(tmp_path / "missing")
    with pytest.raises(ArtifactError, match="irectory"):
        read_arrays(tmp_path)
    (tmp_path / "short").write_bytes(b"1234567")
    with pytest.raises(ArtifactError, match="a file without a header"):
        read_arrays(tmp_path / "short")
    for length in (2**63, 3, 1 << 21):
        path = file_of(tmp_path, b"{}", length=length)
        with pytest.raises(ArtifactError, match=f"a header of {length:,} bytes in a file of 10"):
            read_arrays(path)
    monkeypatch.setattr(arrays, "_MOST_HEADER", 1)
    with pytest.raises(ArtifactError, match="a header of 2 bytes"):
        read_arrays(file_of(tmp_path, b"{}"))


def test_files_too_large(tmp_path: Path):
    path = tmp_path / "state"
    write_arrays(path, {"a": np.zeros(1000)})
    size = path.stat().st_size
    assert read_arrays(path, most_bytes=size)
    with pytest.raises(ArtifactError, match=r"a file of 8\.\d kB, more than the 8\.\d kB allowed"):
        read_arrays(path, most_bytes=size - 1)


def test_every_cut_is_noticed(tmp_path: Path):
    path = tmp_path / "state"
    write_arrays(path, ARRAYS)
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(ArtifactError):
            read_arrays(path)
