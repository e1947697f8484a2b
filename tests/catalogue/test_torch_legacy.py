import json
import struct

import numpy as np
import pytest
from legacy_files import (
    MACHINE,
    MAGIC,
    MARK,
    ORDERED_DICT,
    PROTO,
    REDUCE,
    STOP,
    TUPLE,
    VERSION,
    counts,
    data,
    keys,
    legacy,
    number,
    state,
    tensor,
    text,
)
from safetensors.numpy import load_file

from embedsvc.catalogue import torch_legacy
from embedsvc.catalogue.cards import get_model
from embedsvc.catalogue.safetensors_file import write_safetensors
from embedsvc.catalogue.torch_legacy import read_legacy_torch
from embedsvc.errors import ArtifactError

GOOD = legacy(state({"w": tensor()}), keys("a"), data(range(6)))


@pytest.fixture
def read(tmp_path):
    def read_bytes(content):
        path = tmp_path / "model.pth"
        path.write_bytes(content)
        return read_legacy_torch(path)

    return read_bytes


def test_a_tensor_is_read(read):
    (array,) = read(GOOD).values()
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, [[0, 1, 2], [3, 4, 5]])


def test_two_kinds_an_offset_a_scalar_and_no_elements(read):
    long = b"ctorch\nLongStorage\n"
    content = legacy(
        state(
            {
                "tail": tensor(offset=4, shape=(2,), strides=(1,)),
                "steps": tensor("b", kind=long, count=1, shape=(), strides=()),
                "none": tensor("c", count=0, shape=(0, 3), strides=(3, 1)),
            }
        ),
        keys("b", "a", "c"),
        data([7], "<i8"),
        data(range(6)),
        data([]),
    )
    arrays = read(content)
    assert list(arrays) == ["tail", "steps", "none"]
    np.testing.assert_array_equal(arrays["tail"], [4, 5])
    assert arrays["steps"] == 7
    assert arrays["steps"].shape == ()
    assert arrays["steps"].dtype == np.int64
    assert arrays["none"].shape == (0, 3)


@pytest.mark.parametrize(
    ("shape", "strides", "expected"),
    [
        ((3, 2), (1, 3), np.arange(6).reshape(2, 3).T),
        ((1, 2, 3), (77, 3, 1), np.arange(6).reshape(1, 2, 3)),
        ((3, 1, 2), (1, 0, 3), np.arange(6).reshape(2, 3).T[:, None]),
    ],
)
def test_transposed_tensors_are_put_in_order(read, shape, strides, expected):
    content = legacy(state({"w": tensor(shape=shape, strides=strides)}), keys("a"), data(range(6)))
    array = read(content)["w"]
    np.testing.assert_array_equal(array, expected)
    assert array.flags.c_contiguous
    assert array.flags.writeable


def test_the_version_numbers_of_modules_are_dropped(read):
    metadata = b"}" + text("_metadata") + ORDERED_DICT + b"s" + b"b"
    content = legacy(state({"w": tensor()}, end=metadata), keys("a"), data(range(6)))
    assert list(read(content)) == ["w"]


def test_entries_of_the_memo_are_used(read):
    index = struct.pack("<I", 700)
    first = text("w") + b"q\x01" + tensor(count=12) + b"r" + index + b"s"
    second = text("x") + b"j" + index + b"s"
    content = legacy(PROTO + ORDERED_DICT + first + second + STOP, keys("a"), data(range(12)))
    arrays = read(content)
    np.testing.assert_array_equal(arrays["w"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(arrays["x"], arrays["w"])
    third = text("y") + b"h\x01" + b"s"
    with pytest.raises(ArtifactError, match="'y' is no tensor"):
        read(legacy(PROTO + ORDERED_DICT + first + third + STOP, keys("a"), data(range(12))))


def test_an_empty_state_dict(read):
    assert read(legacy(state({}), keys())) == {}


SYSTEM = b"cos\nsystem\n" + MARK + text("echo no") + TUPLE + REDUCE
TUPLE_KEY = PROTO + b"}" + b")" + b"N" + b"s" + STOP


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "refused"),
        (b"PK\x03\x04" + b"\0" * 60, "refused"),
        (MAGIC[:-1], "refused"),
        (PROTO + number(1) + STOP, "magic number"),
        (MAGIC + PROTO + number(1000) + STOP, "protocol version"),
        (MAGIC + VERSION + PROTO + b"}" + STOP, "little-endian"),
        (MAGIC + VERSION + MACHINE + PROTO + b"N" + STOP, "no dict of tensors"),
        (legacy(state({"w": number(1)}), keys()), "'w' is no tensor"),
        (legacy(PROTO + b"\x88\x85" + STOP, keys()), "no dict of tensors"),
        (legacy(PROTO + b"N\x86" + STOP, keys()), "empty stack"),
        # Texts and bytes that claim sizes nobody has.
        (MAGIC + VERSION + PROTO + b"X\xff\xff\xff\xff" + STOP, "refused"),
        (MAGIC + VERSION + PROTO + b"\x8d" + struct.pack("<Q", 2**62) + STOP, "refused"),
        (MAGIC + VERSION + PROTO + b"\x8e" + struct.pack("<Q", 2**62) + STOP, "refused"),
        (MAGIC + VERSION + PROTO + b"\x8b" + struct.pack("<i", 2**31 - 1) + STOP, "refused"),
        # Programs.
        (legacy(PROTO + SYSTEM + STOP, keys()), "asks for 'os system'"),
        (legacy(state({"w": SYSTEM}), keys()), "asks for 'os system'"),
        (legacy(PROTO + b"cbuiltins\neval\n" + STOP, keys()), "asks for 'builtins eval'"),
        (legacy(PROTO + b"ctorch\nDoubleStorage\n" + STOP, keys()), "asks for 'torch Double"),
        (legacy(PROTO + text("os") + text("system") + b"\x93" + STOP, keys()), "STACK_GLOBAL"),
        (legacy(PROTO + b"(ios\nsystem\n" + STOP, keys()), "opcode INST"),
        (legacy(PROTO + ORDERED_DICT + b")\x81" + STOP, keys()), "opcode NEWOBJ"),
        (legacy(PROTO + b"\x82\x01" + STOP, keys()), "opcode EXT1"),
        (legacy(PROTO + b"Pa\n" + STOP, keys()), "opcode PERSID"),
        (legacy(PROTO + text("x") + b")R" + STOP, keys()), "may not be called"),
        (legacy(PROTO + ORDERED_DICT[:-2] + counts([1]) + REDUCE + STOP, keys()), "be called"),
        (legacy(PROTO + b"]}b" + STOP, keys()), "BUILD"),
        (
            legacy(PROTO + ORDERED_DICT + b"}" + text("__class__") + b"Ns" + b"b" + STOP, keys()),
            "not _metadata",
        ),
        # Broken programs.
        (legacy(PROTO + STOP, keys()), "empty stack"),
        (legacy(PROTO + b"t" + STOP, keys()), "misses a mark"),
        (legacy(PROTO + b"h\x05" + STOP, keys()), "never written"),
        (legacy(PROTO + b"N(Nu" + STOP, keys()), "no dict"),
        (legacy(PROTO + b"}(Nu" + STOP, keys()), "no dict"),
        (legacy(PROTO + b"N(Ne" + STOP, keys()), "no list"),
        (legacy(TUPLE_KEY, keys()), "key that is no text"),
        # Storages.
        (legacy(PROTO + b"NQ" + STOP, keys()), "storage with other parts"),
        (
            legacy(PROTO + b"ctorch._utils\n_rebuild_tensor_v2\n)R" + STOP, keys()),
            "tensor with other parts",
        ),
        (legacy(state({"w": tensor(kind=b"N")}), keys("a")), "no float32 or int64 storage"),
        (legacy(state({"w": tensor(count=-1)}), keys("a")), "key, count or view"),
        (legacy(state({"w": tensor(view=counts([1]))}), keys("a")), "key, count or view"),
        (legacy(state({"w": tensor()}), keys("b"), data(range(6))), "list of storages"),
        (legacy(state({"w": tensor()}), keys("a", "a"), data(range(6))), "list of storages"),
        (legacy(state({"w": tensor()}), PROTO + b"N" + STOP), "no list of texts"),
        (
            legacy(state({"w": tensor(), "x": tensor(count=7)}), keys("a"), data(range(7))),
            "described in two ways",
        ),
        # Tensors.
        (legacy(state({"w": tensor(hooks=b"N")}), keys("a")), "with hooks"),
        (legacy(state({"w": tensor(offset=-1)}), keys("a")), "are no counts"),
        (legacy(state({"w": tensor(offset=1)}), keys("a")), "outside its storage"),
        (legacy(state({"w": tensor(shape=(3, 3))}), keys("a")), "outside its storage"),
        (legacy(state({"w": tensor(strides=(3,))}), keys("a")), "more strides than axes"),
        (legacy(state({"w": tensor(strides=(0, 1))}), keys("a")), "side by side"),
        (legacy(state({"w": tensor(shape=(3,), strides=(2,))}), keys("a")), "side by side"),
        (legacy(state({"w": tensor(shape=(1,) * 9, strides=(1,) * 9)}), keys("a")), "9 dimen"),
        (
            legacy(
                state({"w": tensor(count=2**31 - 1, shape=(2**31 - 1,), strides=(1,))}),
                keys("a"),
                struct.pack("<q", 2**31 - 1),
            ),
            "larger than the file",
        ),
        (
            legacy(
                state({"w": tensor(count=2**31 - 1, shape=(1,), strides=(1,))}),
                keys("a"),
                struct.pack("<q", 2**31 - 1),
            ),
            "does not fit",
        ),
        (
            legacy(state({f"w{i}": tensor() for i in range(600)}), keys("a"), data(range(6))),
            "refused",
        ),
        # Data.
        (legacy(state({"w": tensor()}), keys("a"), data(range(5))), "6 elements has 5"),
        (GOOD[:-1], "truncated"),
        (GOOD[: -6 * 4 - 1], "truncated"),
        (GOOD + b"x", "bytes follow"),
    ],
)
def test_anything_else_is_refused(read, monkeypatch, content, message):
    monkeypatch.setattr(torch_legacy, "_MAX_TENSORS", 500)
    with pytest.raises(ArtifactError, match=message) as caught:
        read(content)
    assert "model.pth" in str(caught.value)
    assert "fetch it again" in str(caught.value)


@pytest.mark.parametrize("end", range(0, len(GOOD), 7))
def test_every_truncation_is_refused(read, end):
    with pytest.raises(ArtifactError):
        read(GOOD[:end])


def test_any_changed_byte_is_read_or_refused_but_never_crashes(read):
    generator = np.random.default_rng(0)
    for _ in range(300):
        content = bytearray(GOOD)
        content[generator.integers(len(GOOD))] = generator.integers(256)
        try:
            read(bytes(content))
        except ArtifactError:
            continue


def test_many_names_for_one_storage_do_not_blow_up(read):
    items = {str(i): tensor(count=40_000, shape=(40_000,), strides=(1,)) for i in range(50)}
    with pytest.raises(ArtifactError, match="larger than the file"):
        read(legacy(state(items), keys("a"), data(range(40_000))))


@pytest.mark.parametrize(
    ("limit", "message"), [("_MAX_FILE", "at most 8 are read"), ("_MAX_OPCODES", "8 opcodes")]
)
def test_limits(read, monkeypatch, limit, message):
    monkeypatch.setattr(torch_legacy, limit, 8)
    with pytest.raises(ArtifactError, match=message):
        read(GOOD)


def test_a_missing_file(tmp_path):
    with pytest.raises(ArtifactError, match="No such file"):
        read_legacy_torch(tmp_path / "none.pth")


def test_what_is_written_reads_back_with_the_library(tmp_path):
    tensors = {
        "b": np.arange(6, dtype=np.float32).reshape(2, 3),
        "a": np.array(7, np.int64),
        "empty": np.zeros((0, 2), np.float32),
        "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    }
    path = tmp_path / "x.safetensors"
    with path.open("wb") as file:
        write_safetensors(file, tensors)
    back = load_file(path)
    assert back.keys() == tensors.keys()
    for name, array in tensors.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == array.dtype
    with (tmp_path / "y").open("wb") as file:
        write_safetensors(file, dict(reversed(tensors.items())))
    assert (tmp_path / "y").read_bytes() == path.read_bytes()


@pytest.mark.golden
def test_the_real_weights_are_what_torch_reads(efficientnet_folder):
    golden = json.loads(get_model("efficientnet-lite0").golden.read_text())["weights"]
    arrays = load_file(efficientnet_folder / "model.safetensors")
    assert len(arrays) == golden["count"]
    assert sum(array.size for array in arrays.values()) == golden["elements"]
    for kind in ("float32", "int64"):
        assert sum(array.dtype == kind for array in arrays.values()) == golden[kind]
    for name, expected in golden["tensors"].items():
        array = arrays[name]
        assert list(array.shape) == expected["shape"]
        assert array.sum(dtype=np.float64) == pytest.approx(expected["sum"], abs=1e-6)
        np.testing.assert_array_equal(array.ravel()[:4], np.float32(expected["first_4"]))
