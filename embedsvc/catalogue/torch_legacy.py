"""Read tensors from a `.pth` file of torch before 1.6, without torch and without unpickling.

Such a file is five pickles (magic number, protocol version, machine facts, the state dict, the
storage keys) and then every storage: its element count as int64 and its elements. A pickle is a
program. The standard reader runs it, so a file could run anything; this one only tokenizes it
(`pickletools.genops` runs nothing) and acts on the few opcodes that a dict of plain tensors needs,
with four names that stand for themselves and are never imported.

Source: `_legacy_save` in https://github.com/pytorch/pytorch/blob/main/torch/serialization.py
"""

from __future__ import annotations

import io
import math
import pickletools
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from embedsvc.errors import ArtifactError

if TYPE_CHECKING:
    import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

_MAX_FILE = 1 << 30
_MAX_OPCODES = 1_000_000
_MAX_TENSORS = 10_000
_MAX_DIMENSIONS = 8

_ORDERED_DICT = "collections OrderedDict"
_REBUILD = "torch._utils _rebuild_tensor_v2"
_DTYPES = {"torch FloatStorage": "<f4", "torch LongStorage": "<i8"}
_ALLOWED = (_ORDERED_DICT, _REBUILD, *_DTYPES)


@dataclass(frozen=True)
class _Name:
    """A global the pickle mentions; only its text is kept."""

    text: str


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    order: tuple[int, ...]
    """The axes as they follow each other in memory, the slowest first."""

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * int(self.storage.dtype[-1])


class _Refused(Exception):
    """Why the file is not read; `read_legacy_torch` adds which file it is and what to do."""


def read_legacy_torch(path: Path) -> dict[str, np.ndarray]:
    """Read the state dict of a legacy torch file.

    Args:
        path: a file written by `torch.save(module.state_dict(), path)` before torch 1.6; only
            float32 and int64 tensors whose elements lie side by side are understood.

    Returns:
        The tensors by name, in the file's order.

    Raises:
        ArtifactError: the file is damaged, too large, of another format, or asks for anything
            that a dict of plain tensors does not need.
    """
    try:
        size = path.stat().st_size
        if size > _MAX_FILE:
            raise _Refused(f"it has {size:,} bytes, and at most {_MAX_FILE:,} are read")
        # In memory, because there a text that claims gigabytes gets only the bytes that exist.
        return _read(io.BytesIO(path.read_bytes()), size)
    except (_Refused, ValueError, OSError) as err:
        raise ArtifactError(
            f"Expected a dict of plain tensors in the legacy torch format in {path}, "
            f"got a file that is refused: {err}. Do not use this file; fetch it again from a "
            "source you trust."
        ) from err


def _read(file: IO[bytes], size: int) -> dict[str, np.ndarray]:
    if _run(file) != _MAGIC:
        raise _Refused("it does not start with torch's magic number")
    if _run(file) != _PROTOCOL:
        raise _Refused(f"its protocol version is not {_PROTOCOL}")
    machine = _run(file)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise _Refused("it was not written on a little-endian machine")
    tensors = _checked_tensors(_run(file), size)
    storages = _read_storages(file, _run(file), tensors, size)
    return {name: _cut(tensor, storages) for name, tensor in tensors.items()}


def _checked_tensors(state: Any, size: int) -> dict[str, _Tensor]:
    if not isinstance(state, dict):
        raise _Refused("it holds no dict of tensors")
    if len(state) > _MAX_TENSORS:
        raise _Refused(f"it holds {len(state):,} tensors, and at most {_MAX_TENSORS:,} are read")
    for name, value in state.items():
        if not isinstance(value, _Tensor):
            raise _Refused(f"its entry {name[:80]!r} is no tensor")
    # Many tensors may name one storage, and each becomes an array of its own.
    if sum(tensor.bytes for tensor in state.values()) > size:
        raise _Refused("its tensors are together larger than the file")
    return state


def _read_storages(
    file: IO[bytes], keys: Any, tensors: dict[str, _Tensor], size: int
) -> dict[str, np.ndarray]:
    import numpy as np

    declared: dict[str, _Storage] = {}
    for tensor in tensors.values():
        if declared.setdefault(tensor.storage.key, tensor.storage) != tensor.storage:
            raise _Refused("one storage is described in two ways")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise _Refused("its list of storages is no list of texts")
    if len(set(keys)) != len(keys) or set(keys) != declared.keys():
        raise _Refused("its list of storages is not the list that its tensors use")
    storages: dict[str, np.ndarray] = {}
    for key in keys:
        storage = declared[key]
        dtype = np.dtype(storage.dtype)
        head = file.read(8)
        if len(head) != 8:
            raise _Refused("it is truncated")
        (count,) = struct.unpack("<q", head)
        if count != storage.count:
            raise _Refused(f"a storage of {storage.count:,} elements has {count:,} in the data")
        # Checked before the read, so that a lie about the count cannot make us allocate it.
        if count * dtype.itemsize > size - file.tell():
            raise _Refused(f"it is truncated: a storage of {count:,} elements does not fit in it")
        storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype=dtype)
    if file.read(1):
        raise _Refused("bytes follow its last storage")
    return storages


def _cut(tensor: _Tensor, storages: dict[str, np.ndarray]) -> np.ndarray:
    count = math.prod(tensor.shape)
    flat = storages[tensor.storage.key][tensor.offset : tensor.offset + count]
    stored = flat.reshape([tensor.shape[axis] for axis in tensor.order])
    back = [tensor.order.index(axis) for axis in range(len(tensor.order))]
    return stored.transpose(back).copy(order="C")


_MARK = object()


@dataclass
class _Machine:
    """The stack, the memo and the opcodes of one pickle."""

    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise _Refused("its pickle takes from an empty stack")
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        items = []
        while self.stack and self.stack[-1] is not _MARK:
            items.append(self.stack.pop())
        if not self.stack:
            raise _Refused("its pickle misses a mark")
        self.stack.pop()
        return items[::-1]

    def pop_tuple(self, size: int) -> None:
        items = [self.pop() for _ in range(size)]
        self.stack.append(tuple(reversed(items)))

    def put(self, index: int) -> None:
        value = self.pop()
        self.memo[index] = value
        self.stack.append(value)

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise _Refused("its pickle reads a memo entry that was never written")
        self.stack.append(self.memo[index])

    def set_items(self, pairs: list[Any]) -> None:
        target = self.pop()
        if not isinstance(target, dict) or len(pairs) % 2:
            raise _Refused("its pickle sets items of something that is no dict")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            # Texts only: the hash of a nested tuple can be made to take for ever.
            if not isinstance(key, str):
                raise _Refused("its pickle has a dict key that is no text")
            target[key] = value
        self.stack.append(target)

    def set_item(self) -> None:
        value, key = self.pop(), self.pop()
        self.set_items([key, value])

    def append_all(self) -> None:
        items = self.pop_to_mark()
        target = self.pop()
        if not isinstance(target, list):
            raise _Refused("its pickle appends to something that is no list")
        target.extend(items)
        self.stack.append(target)

    def find(self, name: str) -> None:
        if name not in _ALLOWED:
            raise _Refused(
                f"its pickle asks for {name[:80]!r}, and only {', '.join(_ALLOWED)} are allowed"
            )
        self.stack.append(_Name(name))

    def call(self) -> None:
        arguments, function = self.pop(), self.pop()
        if function == _Name(_ORDERED_DICT) and arguments == ():
            self.stack.append({})
        elif function == _Name(_REBUILD):
            self.stack.append(_tensor(arguments))
        else:
            raise _Refused("its pickle calls something that may not be called (REDUCE)")

    def build(self) -> None:
        # A state dict carries version numbers of its modules as an attribute; nothing else may
        # be set on anything, and this is dropped.
        state, target = self.pop(), self.pop()
        if not isinstance(target, dict) or not isinstance(state, dict):
            raise _Refused("its pickle sets the state of an object (BUILD)")
        if state.keys() != {"_metadata"}:
            raise _Refused("its pickle sets an attribute that is not _metadata (BUILD)")
        self.stack.append(target)


def _push(machine: _Machine, value: Any) -> None:
    machine.stack.append(value)


_OPCODES: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, arg: None,
    "MARK": lambda machine, arg: _push(machine, _MARK),
    "NONE": _push,
    "NEWTRUE": lambda machine, arg: machine.stack.append(True),
    "NEWFALSE": lambda machine, arg: machine.stack.append(False),
    "BININT": _push,
    "BININT1": _push,
    "BININT2": _push,
    "LONG1": _push,
    "BINUNICODE": _push,
    "EMPTY_TUPLE": lambda machine, arg: _push(machine, ()),
    "EMPTY_LIST": lambda machine, arg: _push(machine, []),
    "EMPTY_DICT": lambda machine, arg: _push(machine, {}),
    "TUPLE": lambda machine, arg: _push(machine, tuple(machine.pop_to_mark())),
    "TUPLE1": lambda machine, arg: machine.pop_tuple(1),
    "TUPLE2": lambda machine, arg: machine.pop_tuple(2),
    "TUPLE3": lambda machine, arg: machine.pop_tuple(3),
    "APPENDS": lambda machine, arg: machine.append_all(),
    "SETITEM": lambda machine, arg: machine.set_item(),
    "SETITEMS": lambda machine, arg: machine.set_items(machine.pop_to_mark()),
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "GLOBAL": _Machine.find,
    "BINPERSID": lambda machine, arg: _push(machine, _storage(machine.pop())),
    "REDUCE": lambda machine, arg: machine.call(),
    "BUILD": lambda machine, arg: machine.build(),
}


def _run(file: IO[bytes]) -> Any:
    """Act on one pickle and return what it leaves; the file then stands behind it."""
    machine = _Machine()
    for number, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if number > _MAX_OPCODES:
            raise _Refused(f"its pickle has more than {_MAX_OPCODES:,} opcodes")
        # The tokenizer ends here too; without a STOP it raises.
        if opcode.name == "STOP":
            break
        if opcode.name not in _OPCODES:
            raise _Refused(f"its pickle uses the opcode {opcode.name}, which is not allowed")
        _OPCODES[opcode.name](machine, argument)
    return machine.pop()


def _storage(identity: Any) -> _Storage:
    # ("storage", type, key, device, element count, view), where a view is None.
    if not isinstance(identity, tuple) or len(identity) != 6:
        raise _Refused("its pickle describes a storage with other parts than expected")
    tag, kind, key, _device, count, view = identity
    if tag != "storage" or not isinstance(kind, _Name) or kind.text not in _DTYPES:
        raise _Refused("its pickle describes something that is no float32 or int64 storage")
    if not isinstance(key, str) or not _is_count(count) or view is not None:
        raise _Refused("its pickle describes a storage with a key, count or view not understood")
    return _Storage(key, _DTYPES[kind.text], count)


def _tensor(arguments: Any) -> _Tensor:
    # (storage, offset, shape, strides, requires_grad, backward hooks)
    if not isinstance(arguments, tuple) or len(arguments) != 6:
        raise _Refused("its pickle describes a tensor with other parts than expected")
    storage, offset, shape, strides, _requires_grad, hooks = arguments
    if not isinstance(storage, _Storage) or hooks != {}:
        raise _Refused("its pickle describes a tensor without a storage, or with hooks")
    if not _is_count(offset) or not _are_counts(shape) or not _are_counts(strides):
        raise _Refused("its pickle describes a tensor whose offset, shape or strides are no counts")
    if len(shape) > _MAX_DIMENSIONS:
        raise _Refused(f"a tensor has {len(shape)} dimensions, at most {_MAX_DIMENSIONS} are read")
    if offset + math.prod(shape) > storage.count:
        raise _Refused("a tensor reaches outside its storage")
    if len(strides) != len(shape):
        raise _Refused("a tensor has more strides than axes, or fewer")
    return _Tensor(storage, offset, shape, _memory_order(shape, strides))


def _memory_order(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
    # Weights ported from TensorFlow are transposed views. Any order of the axes will do as long
    # as the elements lie side by side: then none is shared and none outside the storage.
    # The stride along an axis of length one is never used, and torch writes anything there.
    order = sorted(range(len(shape)), key=lambda axis: (shape[axis] > 1, -strides[axis]))
    step = 1
    for axis in reversed(order):
        if shape[axis] > 1 and strides[axis] != step and 0 not in shape:
            raise _Refused("the elements of a tensor do not lie side by side")
        step *= shape[axis]
    return tuple(order)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 40


def _are_counts(values: Any) -> bool:
    return isinstance(values, tuple) and all(_is_count(value) for value in values)
