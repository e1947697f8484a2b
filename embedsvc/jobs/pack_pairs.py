"""`pairs pack`: a manifest of pairs to a folder that training reads.

OUTPUT/
  pairs.json, pairs-00000-of-00004.tfrecord, ...   the pairs; see `embedsvc.pairs.packed`
  rejects.jsonl                                    what was left out, where that was asked for

OUTPUT appears as a whole, by one rename. The same manifest and files give the same bytes.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import orjson

from embedsvc.cores import available_cores
from embedsvc.datasets.pair_loading import LoadedPair, PairLoading, load_pair
from embedsvc.datasets.pair_manifest import PairManifest, Reject
from embedsvc.errors import InputError
from embedsvc.jobs.output_folder import check_output_folder
from embedsvc.pairs.packed import PAIRS, SHARD_BYTES, WHAT, PackedPairs, is_packed
from embedsvc.store.places import write_folder

REJECTS = "rejects.jsonl"
_AHEAD = 2  # pairs in memory for each core
_KEPT = 10  # rejects to show
_SHARD = re.compile(r"pairs-\d{5,}-of-\d{5,}\.tfrecord")


@dataclass(frozen=True)
class PackOptions:
    """How pairs are packed.

    Attributes:
        loading: how they are read.
        shard_bytes: size from which a new file is begun.
        on_error: "error" stops at the first pair that cannot be used, "skip" goes on.
        overwrite: whether packed pairs may be replaced.
    """

    loading: PairLoading = field(default_factory=PairLoading)
    shard_bytes: int = SHARD_BYTES
    on_error: str = "error"
    overwrite: bool = False


@dataclass(frozen=True)
class Packed:
    """What was packed.

    Attributes:
        about: the folder.
        n_rejects: pairs that were left out.
        rejects: the first of them.
        n_shrunk: images that were made smaller.
        n_outside: points that were left out because they lie outside.
        n_repeated: points that were left out because one at their place came before.
        notes: what else the user should know.
    """

    about: PackedPairs
    n_rejects: int
    rejects: tuple[Reject, ...]
    n_shrunk: int
    n_outside: int
    n_repeated: int
    notes: tuple[str, ...]


def check_pack_output(output: Path, *, overwrite: bool) -> None:
    """Refuse an output that stands, before the manifest is read.

    Raises:
        OutputError: it is a file, a folder of something else, or may not be replaced.
    """
    check_output_folder(
        output, names=_names(output), is_own=is_packed, what="packed pairs", overwrite=overwrite
    )


def pack_pairs(
    manifest: PairManifest,
    output: Path,
    options: PackOptions,
    *,
    on_reject: Callable[[Reject], None] = lambda reject: None,
    advance: Callable[[int], None] = lambda count: None,
) -> Packed:
    """Pack the pairs of a manifest into a folder.

    Args:
        manifest: an open one.
        output: the folder; new or empty, or packed pairs that may be replaced.
        options: how.
        on_reject: called for each pair that is left out, in order.
        advance: called with how many rows were just done.

    Raises:
        InputError: a pair that cannot be used, under "error"; none that can, under "skip".
        OutputError: the folder is in use or cannot be written.
    """
    check_pack_output(output, overwrite=options.overwrite)
    packed: list[Packed] = []
    run = _Run(manifest, options, on_reject, advance)
    write_folder(
        output,
        lambda folder: packed.append(run.write(folder)),
        what=WHAT,
        names=_names(output),
        overwrite=options.overwrite,
    )
    return replace(packed[0], about=replace(packed[0].about, folder=output))


class _Run:
    """One packing, and what it counts."""

    def __init__(
        self,
        manifest: PairManifest,
        options: PackOptions,
        on_reject: Callable[[Reject], None],
        advance: Callable[[int], None],
    ) -> None:
        self._manifest, self._options = manifest, options
        self._on_reject, self._advance = on_reject, advance
        self._n_rejects = 0
        self._rejects: list[Reject] = []
        self._counts = {"n_shrunk": 0, "n_outside": 0, "n_repeated": 0}

    def write(self, folder: Path) -> Packed:
        """Fill an empty folder."""
        # TensorFlow takes seconds: it is loaded when there is something to write.
        from embedsvc.pairs.record_writing import PairWriter

        writer = PairWriter(folder, shard_bytes=self._options.shard_bytes)
        try:
            with closing(_loaded(self._manifest, self._options.loading)) as rows:
                for row in rows:
                    if isinstance(row, Reject):
                        self._reject(row, folder / REJECTS)
                    else:
                        writer.write(row.pair, row.size_a, row.size_b)
                        for name in self._counts:
                            self._counts[name] += getattr(row, name)
                    self._advance(1)
            if self._n_rejects == self._manifest.n_rows:
                raise self._none_left()
            return self._packed(writer.finish(asdict(self._options.loading)))
        finally:
            writer.close()

    def _reject(self, reject: Reject, path: Path) -> None:
        if self._options.on_error == "error":
            raise InputError(
                f"{self._manifest.path}, {where(self._manifest, reject)}: {reject.why} To leave "
                "such pairs out, add --on-error skip."
            )
        self._n_rejects += 1
        if len(self._rejects) < _KEPT:
            self._rejects.append(reject)
        with path.open("ab") as file:
            file.write(orjson.dumps(asdict(reject), option=orjson.OPT_APPEND_NEWLINE))
        self._on_reject(reject)

    def _none_left(self) -> InputError:
        first = self._rejects[0]
        return InputError(
            f"Expected at least one pair that can be used in {self._manifest.path}, got "
            f"{self._n_rejects:,} that cannot. The first, {where(self._manifest, first)}: "
            f"{first.why}"
        )

    def _packed(self, about: PackedPairs) -> Packed:
        notes = self._manifest.notes()
        if about.n_pairs == 1:
            notes.append("One pair is enough to try things out, not to learn from.")
        elif len(about.sequences) == 1:
            notes.append("All pairs are of one sequence: none can be held back to evaluate on.")
        return Packed(
            about, self._n_rejects, tuple(self._rejects), notes=tuple(notes), **self._counts
        )


def where(manifest: PairManifest, reject: Reject) -> str:
    """Where a pair that was left out stands, and which it is."""
    unit = "row" if manifest.path.suffix.lower() == ".parquet" else "line"
    return f"{unit} {reject.row} ({reject.what})"


def _loaded(
    manifest: PairManifest, loading: PairLoading
) -> Generator[LoadedPair | Reject, None, None]:
    """The pairs in order, opened in threads, a few ahead: Pillow lets other threads run."""
    n_threads = available_cores()
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="embedsvc-pairs")
    flight: deque[Future[LoadedPair | Reject]] = deque()
    try:
        for row in manifest.rows():
            flight.append(pool.submit(load_pair, row, loading))
            if len(flight) > _AHEAD * n_threads:
                yield flight.popleft().result()
        while flight:
            yield flight.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _names(output: Path) -> tuple[str, ...]:
    """The files that packed pairs may have there."""
    shards = (path.name for path in output.glob("pairs-*.tfrecord")) if output.is_dir() else ()
    return (PAIRS, REJECTS, *filter(_SHARD.fullmatch, shards))
