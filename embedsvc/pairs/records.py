"""Packed pairs read from their TFRecords, in order or shuffled.

`embedsvc.pairs.record_writing` says what is in a record. Files are untrusted.

TensorFlow is imported where it is needed, so that `read_about` and mistakes do not wait for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from embedsvc.errors import ArtifactError, InputError
from embedsvc.pairs.packed import FRAME_BYTES, PackedPairs
from embedsvc.pairs.packed import is_packed as is_packed
from embedsvc.pairs.packed import read_about as read_about
from embedsvc.pairs.pair import MatchedPair

_BUFFER_BYTES = 128 << 20  # of pairs that are shuffled among themselves
_CYCLE = 16  # files that are read in turn
_READ_BYTES = 1 << 20
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_CURE = "Copy the folder again, or pack the pairs again: embedsvc pairs pack."


def read_pairs(folder: str | Path) -> Iterator[MatchedPair]:
    """Read packed pairs in the order in which they were written, one at a time.

    Args:
        folder: one that `embedsvc pairs pack` has written.

    Raises:
        ArtifactError: it is no such folder; or a record, named by its file and number, is damaged
            or no pair: of another shape or size, with points that are not finite or outside.
    """
    import tensorflow as tf

    about = read_about(folder)
    for path, shard in zip(about.paths, about.shards, strict=True):
        _check_frames(path, shard.pairs)
        records = _records(str(path)).map(_parse).as_numpy_iterator()
        for number in range(1, shard.pairs + 1):
            where = f"{path}, record {number}"
            try:
                values = next(records)
            except (tf.errors.OpError, StopIteration) as err:
                reason = str(getattr(err, "message", "its end")).splitlines()[0][:200]
                raise ArtifactError(
                    f"Expected a pair in {where}, got a damaged record: {reason}. {_CURE}"
                ) from err
            yield _to_pair(values, where, about.largest_side)


def pairs_dataset(
    folder: str | Path, *, sequences: Collection[str] | None = None, seed: int | None = None
) -> Any:
    """Packed pairs as a `tf.data.Dataset`.

    With a seed, files are read in turn and pairs shuffled in blocks of 128 MB; what the folder
    holds, where it is smaller. The order depends on the seed alone, and is the same each time the
    dataset is gone through: for another one each epoch, make a dataset with another seed.

    Args:
        folder: one that `embedsvc pairs pack` has written.
        sequences: those whose pairs are wanted; None for all.
        seed: of the order; None keeps that in which pairs were written.

    Returns:
        A dataset of dicts: image_a and image_b (encoded), name and sequence are texts of shape ();
        points_a and points_b are float32 of shape (n_points, 2). A damaged record raises
        `tf.errors.OpError` when it comes; `read_pairs` says which it is.

    Raises:
        InputError: a sequence that the folder does not have, or none at all.
        ArtifactError: as `read_about`; or a file is cut.
    """
    about = read_about(folder)
    wanted = _wanted(about, sequences)
    for path, shard in zip(about.paths, about.shards, strict=True):
        _check_frames(path, shard.pairs)
    import tensorflow as tf

    paths = [str(path) for path in about.paths]
    records = _records(paths) if seed is None else _in_turn(paths, seed)
    if wanted is not None:
        names = tf.constant([name.encode() for name in wanted])
        records = records.filter(lambda record: tf.reduce_any(_sequence(record) == names))
    if seed is not None:
        mean_bytes = about.n_bytes // about.n_pairs
        records = _shuffled(records, max(1, min(about.n_pairs, _BUFFER_BYTES // mean_bytes)), seed)
    pairs = records.map(_parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return pairs.map(_without_sizes)


def _records(paths: Any) -> Any:
    import tensorflow as tf

    # TensorFlow notes on stderr which size it takes where none is given.
    return tf.data.TFRecordDataset(paths, buffer_size=_READ_BYTES)


def _in_turn(paths: list[str], seed: int) -> Any:
    """The records of files in an order drawn by seed, one of each in turn."""
    import tensorflow as tf

    order = np.random.default_rng(seed).permutation(len(paths))
    return tf.data.Dataset.from_tensor_slices([paths[at] for at in order]).interleave(
        _records,
        cycle_length=min(_CYCLE, len(paths)),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )


def _shuffled(records: Any, size: int, seed: int) -> Any:
    """Records shuffled within blocks.

    `Dataset.shuffle` mixes TensorFlow's global seed into its own, which somebody may have set.
    """
    import tensorflow as tf

    def shuffle(number: Any, block: Any) -> Any:
        seeds = tf.stack([tf.constant(seed, tf.int64), number])
        return tf.random.experimental.stateless_shuffle(block, seed=seeds)

    return records.batch(size).enumerate().map(shuffle).unbatch()


def _wanted(about: PackedPairs, sequences: Collection[str] | None) -> list[str] | None:
    if sequences is None:
        return None
    if isinstance(sequences, str) or not sequences:
        raise InputError(f"Expected a list of sequences, got {sequences!r}. Name at least one.")
    for name in sequences:
        if name not in about.sequences:
            known = ", ".join(map(repr, list(about.sequences)[:20]))
            raise InputError(
                f"Expected a sequence of {about.folder}, got {name!r}. It has {known}"
                f"{' and more' if len(about.sequences) > 20 else ''}."
            )
    return sorted(set(sequences))


# Records


def _parse(record: Any) -> dict[str, Any]:
    import tensorflow as tf

    text, size = tf.io.FixedLenFeature([], tf.string), tf.io.FixedLenFeature([2], tf.int64)
    points = tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True)
    features = {"image_a": text, "image_b": text, "points_a": points, "points_b": points}
    features |= {"size_a": size, "size_b": size, "name": text, "sequence": text}
    features["n_points"] = tf.io.FixedLenFeature([], tf.int64)
    pair = tf.io.parse_single_example(record, features)
    shape = tf.stack([pair.pop("n_points"), 2])
    return {
        **pair,
        "points_a": tf.ensure_shape(tf.reshape(pair["points_a"], shape), (None, 2)),
        "points_b": tf.ensure_shape(tf.reshape(pair["points_b"], shape), (None, 2)),
    }


def _sequence(record: Any) -> Any:
    import tensorflow as tf

    text = tf.io.FixedLenFeature([], tf.string)
    return tf.io.parse_single_example(record, {"sequence": text})["sequence"]


def _without_sizes(pair: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in pair.items() if not name.startswith("size")}


def _to_pair(values: dict[str, Any], where: str, largest_side: int) -> MatchedPair:
    for side in "ab":
        height, width = (int(value) for value in values[f"size_{side}"])
        points = values[f"points_{side}"]
        edge = np.array([width, height]) - 0.5
        sound = (
            1 <= min(height, width) <= max(height, width) <= largest_side
            and len(points) >= 1
            and bool(np.all((points >= -0.5) & (points <= edge)))  # NaN is in no picture
            and values[f"image_{side}"].startswith(_BEGINNINGS)
        )
        if not sound:
            raise ArtifactError(
                f"Expected a JPEG or PNG with points inside, of at most {largest_side:,} pixels a "
                f"side, got something else as image_{side} of {where} ({width:,} x {height:,}, "
                f"{len(points):,} points). {_CURE}"
            )
    try:
        name, sequence = values["name"].decode(), values["sequence"].decode()
    except UnicodeDecodeError as err:
        raise ArtifactError(
            f"Expected names in UTF-8, got other bytes in {where}. {_CURE}"
        ) from err
    images = values["image_a"], values["image_b"]
    return MatchedPair(name, *images, values["points_a"], values["points_b"], sequence)


def _check_frames(path: Path, n_records: int) -> None:
    """Walk over a file's records by their lengths, so that TensorFlow never gets a wild one.

    It makes room for as many bytes as a length says, and ends the process where there are none.
    """
    found, at = 0, 0
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            while at < size:
                file.seek(at)
                at += int.from_bytes(file.read(8), "little") + FRAME_BYTES
                found += 1
    except OSError as err:
        raise ArtifactError(f"Expected to read {path}, got: {err.strerror or err}.") from err
    if at != size or found != n_records:
        raise ArtifactError(
            f"Expected {n_records:,} whole records in {path}, got {found:,}, the last of which "
            f"ends at byte {at:,} of {size:,}. {_CURE}"
        )
