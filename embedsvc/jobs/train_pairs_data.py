"""What a descriptor is learned from and measured on: found and split before TensorFlow is loaded.

packed pairs, or pictures -> their sequences -> some of these held out, by seed
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embedsvc.datasets.tables import TABLE_ENDINGS
from embedsvc.errors import InputError
from embedsvc.extract.rows import printable
from embedsvc.jobs.train_pairs_pictures import Pictures, find_pictures
from embedsvc.pairs.packed import PackedPairs, check_shards, is_packed, read_about

Data = PackedPairs | Pictures

MOST_VALIDATION = 20
"""Held-out pairs that are measured after each epoch: more are slower, and hardly surer."""


@dataclass(frozen=True)
class Split:
    """Which sequences are learned from and which ones are held out.

    Attributes:
        training: of packed pairs the names of sequences, of pictures their files as text.
        held_out: the others; none where nothing is held out.
    """

    training: tuple[str, ...]
    held_out: tuple[str, ...]


def find_data(
    places: Sequence[str], *, on_error: str = "error", show_progress: bool = False
) -> Data:
    """Find what is to be learned from, and look through all of it.

    Args:
        places: one folder of packed pairs; or folders, globs or files of pictures.
        on_error: as `find_pictures` has it.
        show_progress: whether a progress bar is drawn on stderr.

    Raises:
        InputError: a place is missing or of another kind, or a picture cannot be used.
        ArtifactError: packed pairs are not as they were written.
    """
    if "-" in places:
        raise InputError(
            "Expected packed pairs or pictures, got -: they cannot be read from standard input. "
            "Name a folder."
        )
    for place in places:
        _refuse_manifest(place)
        if is_packed(place):
            if len(places) > 1:
                raise InputError(
                    f"Expected packed pairs alone, got {printable(place)} among {len(places)} "
                    "places. List all pairs in one manifest, and pack that: embedsvc pairs pack."
                )
            return read_packed(place)
    return find_pictures(places, on_error=on_error, show_progress=show_progress)


def read_packed(folder: str | Path) -> PackedPairs:
    """What a folder of packed pairs holds; its files are compared with their checksums.

    Raises:
        InputError: it is a manifest, or no folder of packed pairs.
        ArtifactError: it is not as it was written.
    """
    _refuse_manifest(folder)
    about = read_about(folder)
    check_shards(about)
    return about


def split_sequences(data: Data, *, share: float, seed: int) -> Split:
    """Hold some sequences out, at least one where there are two; none for a share of 0.

    Pictures that look alike are one sequence, so that none of them is held out alone.

    Args:
        data: as `find_data` gives it.
        share: of the sequences.
        seed: of which ones.
    """
    if isinstance(data, Pictures):
        names, numbers = tuple(map(str, data.files)), data.groups
    else:
        names, numbers = tuple(data.sequences), np.arange(len(data.sequences))
    units = np.unique(numbers)
    n_held = min(max(1, round(share * len(units))), len(units) - 1) if share else 0
    held = np.random.default_rng(seed).permutation(units)[:n_held]
    is_held = np.isin(numbers, held).tolist()
    return Split(
        tuple(name for name, out in zip(names, is_held, strict=True) if not out),
        tuple(name for name, out in zip(names, is_held, strict=True) if out),
    )


def spread_pairs(about: PackedPairs, sequences: Sequence[str], most: int) -> dict[str, list[int]]:
    """Choose pairs that are spread over sequences, and in each over its pairs.

    Args:
        about: the packed pairs.
        sequences: those of interest.
        most: how many pairs at most.

    Returns:
        By sequence, which of its pairs, counted from 0; sequences without any are left out.
    """
    counts = [about.sequences[name] for name in sequences]
    wanted = [0] * len(counts)
    # One of each in turn, so that a long sequence does not crowd out the others.
    while sum(wanted) < min(most, sum(counts)):
        rest = [at for at, count in enumerate(counts) if wanted[at] < count]
        for at in _evenly(len(rest), min(len(rest), most - sum(wanted))):
            wanted[rest[at]] += 1
    return {
        name: _evenly(count, n)
        for name, count, n in zip(sequences, counts, wanted, strict=True)
        if n
    }


def data_digest(data: Data) -> str:
    """One sha256 of all contents."""
    if isinstance(data, Pictures):
        return data.digest
    return hashlib.sha256("\n".join(shard.sha256 for shard in data.shards).encode()).hexdigest()


def _evenly(count: int, n: int) -> list[int]:
    """N of the numbers below `count`, evenly spaced."""
    return [(2 * i + 1) * count // (2 * n) for i in range(n)]


def _refuse_manifest(place: str | Path) -> None:
    path = Path(place)
    try:
        is_table = path.suffix.lower() in TABLE_ENDINGS and path.is_file()
    except (OSError, ValueError):  # Too long or with a zero byte: finding it will say so.
        return
    if is_table:
        raise InputError(
            f"Expected packed pairs or pictures, got the table {printable(str(place))}. Pack it "
            f"first: embedsvc pairs pack {printable(str(place))} -o packed, and name that folder "
            "here."
        )
