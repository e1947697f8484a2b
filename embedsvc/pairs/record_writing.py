"""Matched pairs to sharded TFRecords, one after the other.

A record is a `tf.train.Example` with image_a and image_b (bytes of a JPEG or PNG, upright), size_a
and size_b (height and width), points_a and points_b (x y x y ...), n_points, name and sequence.
Records are written in order, and the same pairs give the same bytes.

Source: the format, https://www.tensorflow.org/tutorials/load_data/tfrecord
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf

from embedsvc.errors import InputError
from embedsvc.files import sha256_of
from embedsvc.pairs.packed import (
    FRAME_BYTES,
    SHARD_BYTES,
    PackedPairs,
    Shard,
    shard_name,
    write_about,
)
from embedsvc.pairs.pair import MatchedPair

Size = tuple[int, int]


class PairWriter:
    """Writes pairs to a folder, one after the other; `finish` makes it complete.

    Args:
        folder: an empty one.
        shard_bytes: size from which a new file is begun.
    """

    def __init__(self, folder: Path, *, shard_bytes: int = SHARD_BYTES) -> None:
        self._folder, self._shard_bytes = folder, shard_bytes
        self._counts: list[int] = []
        self._sequences: dict[str, int] = {}
        self._largest = 0
        self._shards: list[tuple[Path, int]] = []
        self._writer: Any = None
        self._bytes = 0

    def write(self, pair: MatchedPair, size_a: Size, size_b: Size) -> None:
        """Write a pair.

        Args:
            pair: its images are JPEGs or PNGs as `embedsvc.images.plain_files` makes them.
            size_a: height and width of the first image.
            size_b: those of the second one.

        Raises:
            OSError: it cannot be written.
        """
        record = _to_record(pair, size_a, size_b)
        if self._writer is None or self._bytes + len(record) > self._shard_bytes:
            self._next_shard()
        with _as_os_error():
            self._writer.write(record)
        self._bytes += len(record) + FRAME_BYTES
        path, n_pairs = self._shards[-1]
        self._shards[-1] = path, n_pairs + 1
        self._counts.append(len(pair.points_a))
        sequence = _text(pair.sequence)
        self._sequences[sequence] = self._sequences.get(sequence, 0) + 1
        self._largest = max(self._largest, *size_a, *size_b)

    def finish(self, settings: dict[str, Any]) -> PackedPairs:
        """Write what the folder holds, which makes it one.

        Args:
            settings: how the pairs were packed, as JSON has it.

        Raises:
            InputError: no pair was written.
            OSError: it cannot be written.
        """
        self.close()
        if not self._shards:
            raise InputError("Expected at least one pair to write, got none.")
        about = PackedPairs(
            folder=self._folder,
            n_matches=sum(self._counts),
            least=min(self._counts),
            median=float(statistics.median(self._counts)),
            most=max(self._counts),
            largest_side=self._largest,
            sequences=self._sequences,
            shards=tuple(self._named_shards()),
            settings=settings,
        )
        write_about(about)
        return about

    def close(self) -> None:
        """Close the file that is open; without `finish` the folder is none of pairs."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            with _as_os_error():
                writer.close()

    def _next_shard(self) -> None:
        self.close()
        path = self._folder / f"{len(self._shards)}.partial"
        with _as_os_error():
            self._writer = tf.io.TFRecordWriter(str(path))
        self._shards.append((path, 0))
        self._bytes = 0

    def _named_shards(self) -> Iterator[Shard]:
        """Give the files their names, now that it is known how many there are."""
        for at, (path, n_pairs) in enumerate(self._shards):
            named = path.rename(self._folder / shard_name(at, len(self._shards)))
            yield Shard(named.name, n_pairs, named.stat().st_size, sha256_of(named))


def _to_record(pair: MatchedPair, size_a: Size, size_b: Size) -> bytes:
    def of_bytes(value: bytes) -> Any:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    def of_floats(points: Any) -> Any:
        return tf.train.Feature(float_list=tf.train.FloatList(value=points.reshape(-1)))

    def of_ints(*values: int) -> Any:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    features = {
        "image_a": of_bytes(pair.image_a),
        "image_b": of_bytes(pair.image_b),
        "points_a": of_floats(pair.points_a),
        "points_b": of_floats(pair.points_b),
        "n_points": of_ints(len(pair.points_a)),
        "size_a": of_ints(*size_a),
        "size_b": of_ints(*size_b),
        "name": of_bytes(_text(pair.name).encode()),
        "sequence": of_bytes(_text(pair.sequence).encode()),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return bytes(example.SerializeToString(deterministic=True))


def _text(text: str) -> str:
    """A text that can be written: names of files may have bytes that are no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


@contextmanager
def _as_os_error() -> Iterator[None]:
    """What TensorFlow says of full disks and the like, as Python does."""
    try:
        yield
    except tf.errors.OpError as err:
        raise OSError(str(err.message).splitlines()[0]) from err
