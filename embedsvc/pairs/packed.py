"""What a folder of packed pairs says of itself; TensorFlow is not needed to read it.

FOLDER/
  pairs.json                              how many pairs, of which sequences, in which files
  pairs-00000-of-00004.tfrecord, ...      the pairs: see `embedsvc.pairs.records`
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from embedsvc import __version__
from embedsvc.errors import ArtifactError
from embedsvc.files import atomic_write, read_json, sha256_of
from embedsvc.settings import fits, in_words

PAIRS = "pairs.json"
WHAT = "matched-pairs"
FORMAT = 1
SHARD_BYTES = 128_000_000
"""Size from which a new file of pairs is begun."""

FRAME_BYTES = 8 + 4 + 4
"""Around each record: its length, the checksum of that, and its own."""

_MOST_BYTES = 1 << 26
_SHA256 = re.compile("[0-9a-f]{64}")
_SHARD = {"file": str, "pairs": int, "bytes": int, "sha256": str}
_SHARDS = Sequence[dict]  # type: ignore[type-arg]
_COUNTS = Mapping[str, int]
_CURE = "Pack the pairs again: embedsvc pairs pack."


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of pairs.

    Attributes:
        file: its name.
        pairs: how many it holds.
        bytes: its size.
        sha256: of its bytes, as hexadecimal digits.
    """

    file: str
    pairs: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class PackedPairs:
    """A folder of packed pairs.

    Attributes:
        folder: where it is.
        n_matches: matching points of all pairs.
        least: matches of the pair with the fewest.
        median: of the pair in the middle, or between the two there.
        most: of the pair with the most.
        largest_side: pixels of the longest side of any image.
        sequences: how many pairs each has, in the order in which they first come.
        shards: the files, in order.
        settings: how they were packed.
    """

    folder: Path
    n_matches: int
    least: int
    median: float
    most: int
    largest_side: int
    sequences: dict[str, int]
    shards: tuple[Shard, ...]
    settings: dict[str, Any]

    @property
    def n_pairs(self) -> int:
        """How many pairs there are."""
        return sum(shard.pairs for shard in self.shards)

    @property
    def n_bytes(self) -> int:
        """The size of all files of pairs."""
        return sum(shard.bytes for shard in self.shards)

    @property
    def paths(self) -> list[Path]:
        """The files of pairs."""
        return [self.folder / shard.file for shard in self.shards]


def is_packed(folder: str | Path) -> bool:
    """Whether a folder says that it holds packed pairs, sound or not."""
    try:
        return read_json(Path(folder) / PAIRS, max_bytes=_MOST_BYTES).get("what") == WHAT
    except ArtifactError:
        return False


def shard_name(at: int, of: int) -> str:
    """The name of a file of pairs: `shard_name(0, 4)` is "pairs-00000-of-00004.tfrecord"."""
    return f"pairs-{at:05d}-of-{of:05d}.tfrecord"


def read_about(folder: str | Path) -> PackedPairs:
    """Read what a folder holds; its files are there and have their sizes, but are not read.

    Args:
        folder: one that `embedsvc pairs pack` has written.

    Raises:
        ArtifactError: it is no such folder, of a newer version, or not as it was written.

    Example:
        >>> read_about("packed").sequences  # doctest: +SKIP
        {'graf': 5, 'bikes': 2}
    """
    path = Path(folder) / PAIRS
    if not path.is_file():
        raise ArtifactError(
            f"Expected a folder of packed pairs with {PAIRS}, got {folder} without it. Make one "
            "of a manifest: embedsvc pairs pack MANIFEST -o FOLDER."
        )
    values = read_json(path, max_bytes=_MOST_BYTES)
    if values.get("what") != WHAT:
        raise ArtifactError(
            f"Expected what = {WHAT!r} in {path}, got {str(values.get('what'))[:100]!r}. {_CURE}"
        )
    version = _take(path, values, "format", int)
    if not 1 <= version <= FORMAT:
        raise ArtifactError(
            f"Expected format {FORMAT} in {path}, got {version}; this is embedsvc {__version__}. "
            "Update embedsvc, or pack the pairs again."
        )
    about = _about(path, values)
    _check(path, about)
    return about


def write_about(about: PackedPairs) -> None:
    """Write what `read_about` reads.

    Raises:
        OSError: it cannot be written.
    """
    values = {"what": WHAT, "format": FORMAT, "embedsvc": __version__, "pairs": about.n_pairs}
    values |= {name: value for name, value in asdict(about).items() if name != "folder"}
    with atomic_write(about.folder / PAIRS) as file:
        file.write((json.dumps(values, indent=2, allow_nan=False) + "\n").encode())


def check_shards(about: PackedPairs) -> None:
    """Compare all files with their checksums, which reads them through.

    Raises:
        ArtifactError: one has changed since it was written.
    """
    for path, shard in zip(about.paths, about.shards, strict=True):
        try:
            found = sha256_of(path)
        except OSError as err:
            raise ArtifactError(f"Expected to read {path}, got: {err.strerror or err}.") from err
        if found != shard.sha256:
            raise ArtifactError(
                f"Expected {path} to have the sha256 {shard.sha256}, got {found}. {_CURE}"
            )


def _about(path: Path, values: dict[str, Any]) -> PackedPairs:
    counts = ("n_matches", "least", "most", "largest_side")
    numbers = {name: _take(path, values, name, int) for name in counts}
    shards = [
        Shard(*(_take(path, one, name, hint) for name, hint in _SHARD.items()))
        for one in _take(path, values, "shards", _SHARDS)
    ]
    return PackedPairs(
        folder=path.parent,
        median=float(_take(path, values, "median", float)),
        sequences=dict(_take(path, values, "sequences", _COUNTS)),
        shards=tuple(shards),
        settings=_take(path, values, "settings", dict),
        **numbers,
    )


def _check(path: Path, about: PackedPairs) -> None:
    """What is said fits together and the files; names of files lead nowhere else."""
    n_pairs = sum(about.sequences.values())
    sound = (
        about.n_pairs == n_pairs >= 1
        and min([*about.sequences.values(), *(one.pairs for one in about.shards)]) >= 1
        and 1 <= about.least <= about.median <= about.most <= about.n_matches
        and about.largest_side >= 1
    )
    names = [shard_name(at, len(about.shards)) for at in range(len(about.shards))]
    if not sound or [shard.file for shard in about.shards] != names:
        raise ArtifactError(
            f"Expected {path} to agree with itself, got {about.n_pairs:,} pairs in "
            f"{len(about.shards):,} files and {n_pairs:,} in sequences. {_CURE}"
        )
    for file, shard in zip(about.paths, about.shards, strict=True):
        size = file.stat().st_size if file.is_file() else None
        if size != shard.bytes or not _SHA256.fullmatch(shard.sha256):
            got = "none" if size is None else f"{size:,}"
            raise ArtifactError(
                f"Expected {file} with {shard.bytes:,} bytes, got {got}. Copy the folder again, or "
                "pack the pairs again: embedsvc pairs pack."
            )


def _take(path: Path, values: dict[str, Any], name: str, hint: Any) -> Any:
    if not fits(values.get(name), hint):
        got = repr(values.get(name))[:100]
        raise ArtifactError(f"Expected {name} in {path} to be {in_words(hint)}, got {got}. {_CURE}")
    return values[name]
