"""What a training on pairs is: data looked through and split, before TensorFlow is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from embedsvc import __version__
from embedsvc.extract.rows import printable
from embedsvc.jobs.train_output import check_output
from embedsvc.jobs.train_pairs_data import (
    MOST_VALIDATION,
    Data,
    Split,
    data_digest,
    find_data,
    read_packed,
    split_sequences,
    spread_pairs,
)
from embedsvc.jobs.train_pairs_options import PairTrainOptions
from embedsvc.jobs.train_pairs_output import COMMAND, NAMES, NOUN
from embedsvc.jobs.train_pairs_pictures import Pictures, refuse_inside
from embedsvc.pairs.packed import PackedPairs
from embedsvc.report.numbers import plural

_NAMED = 5


@dataclass(frozen=True, eq=False)
class PairTrainPlan:
    """A training that can be run.

    Attributes:
        data: what is learned from, held-out sequences included.
        split: which of it is learned from.
        test: packed pairs that only measure, or None.
        options: how it is trained.
        output: the folder of the descriptor.
    """

    data: Data
    split: Split
    test: PackedPairs | None
    options: PairTrainOptions
    output: Path

    @property
    def label(self) -> str:
        """What is learned from, as people call it."""
        if isinstance(self.data, Pictures):
            return self.data.label
        return printable(self.data.folder.resolve().name)

    @property
    def names(self) -> dict[str, str]:
        """What people call the sequences, by what `split` calls them."""
        if isinstance(self.data, Pictures):
            return dict(zip(map(str, self.data.files), self.data.names, strict=True))
        return {name: name for name in self.data.sequences}

    @property
    def names_held_out(self) -> list[str]:
        """What people call the sequences that are held out."""
        names = self.names
        return [names[one] for one in self.split.held_out]

    @cached_property
    def settings(self) -> dict[str, Any]:
        """All that the descriptor depends on, as JSON values."""
        kind = "pictures" if isinstance(self.data, Pictures) else "pairs"
        settings = {
            "command": COMMAND,
            "version": __version__,
            "data": kind,
            f"{kind}_to_learn_from_sha256": data_digest(self.data),
            "validation": self.options.validation,
            "settings": dict(self.options.settings),
        }
        # As it is read back: a tuple is a list then.
        parsed: dict[str, Any] = orjson.loads(orjson.dumps(settings))
        return parsed

    @property
    def asked(self) -> dict[str, Any]:
        """All that the results depend on, as JSON values."""
        return {**self.settings, "test_pairs_sha256": self.test and data_digest(self.test)}

    @cached_property
    def validation(self) -> dict[str, list[int]]:
        """Which pairs of packed ones choose the epoch, by sequence."""
        if isinstance(self.data, Pictures):
            return {}
        return spread_pairs(self.data, self.split.held_out, MOST_VALIDATION)

    @property
    def n_validation(self) -> int:
        """How many pairs choose the epoch."""
        if isinstance(self.data, Pictures):
            return MOST_VALIDATION if self.split.held_out else 0
        return sum(map(len, self.validation.values()))

    def lines(self) -> list[str]:
        """What is trained on what, for people."""
        parts = [f"{self._counted(self.split.training)} to learn from", self._held_out()]
        if self.test is not None:
            test = plural(self.test.n_pairs, "pair")
            parts.append(f"{test} of {plural(len(self.test.sequences), 'sequence')} to test with")
        return ["; ".join(filter(None, parts)) + "."]

    def notes(self) -> list[str]:
        """What to know about the data before trusting what comes of them."""
        found = [self._nothing_held_out(), self._shared(), self._look_alikes()]
        if isinstance(self.data, Pictures) and self.data.rejects:
            found.append(
                f"{plural(len(self.data.rejects), 'picture')} that cannot be used left out; "
                "rejects.jsonl says why."
            )
        return [note for note in found if note]

    def _counted(self, names: Sequence[str]) -> str:
        if isinstance(self.data, Pictures):
            return plural(len(names), "picture")
        pairs = plural(sum(self.data.sequences[name] for name in names), "pair")
        return f"{pairs} of {plural(len(names), 'sequence')}"

    def _held_out(self) -> str:
        held = self.split.held_out
        if not held:
            return ""
        told = f"{self._counted(held)} held out to choose the epoch"
        if isinstance(self.data, Pictures):
            return f"{told}, by {MOST_VALIDATION} warps of {'it' if len(held) == 1 else 'them'}"
        if self.n_validation < sum(self.data.sequences[name] for name in held):
            return f"{told}, by {self.n_validation} of these pairs"
        return told

    def _nothing_held_out(self) -> str:
        if self.split.held_out:
            return ""
        one = "picture" if isinstance(self.data, Pictures) else "sequence"
        why = "" if not self.options.validation else f"There is one {one} only: n"
        return (
            f"{why or 'N'}one is held out, and the last epoch is kept."
            + ("" if self.test else " --test FOLDER measures on others.")
        )  # fmt: skip

    def _shared(self) -> str:
        if self.test is None or isinstance(self.data, Pictures):
            return ""
        shared = [printable(name) for name in self.test.sequences if name in self.data.sequences]
        if not shared:
            return ""
        named = ", ".join(shared[:_NAMED]) + (" and more" if len(shared) > _NAMED else "")
        alike = "is called as one" if len(shared) == 1 else "are called as some"
        return (
            f"{plural(len(shared), 'sequence')} of the test pairs {alike} of those to learn from "
            f"({named}): where they show the same, the test says too much."
        )

    def _look_alikes(self) -> str:
        if not isinstance(self.data, Pictures):
            return ""
        n = len(self.data.files) - len(set(self.data.groups.tolist()))
        if not n:
            return ""
        stay = "looks like another one and stays" if n == 1 else "look like another one and stay"
        return f"{plural(n, 'picture')} {stay} on its side of the split."


def plan_pair_training(
    data: Sequence[str],
    output: str | Path,
    *,
    options: PairTrainOptions | None = None,
    test: str | Path | None = None,
    show_progress: bool = False,
) -> PairTrainPlan:
    """Look through the data and check everything that can be known without TensorFlow.

    Args:
        data: one folder of packed pairs; or folders, globs or files of pictures.
        output: the folder of the descriptor.
        options: how it is trained; None for the defaults.
        test: a folder of packed pairs that only measure.
        show_progress: whether progress bars are drawn on stderr.

    Raises:
        InputError: data or options that cannot be used.
        ArtifactError: packed pairs are not as they were written.
        OutputError: the output holds something else.
    """
    options, output = options or PairTrainOptions(), Path(output)
    check_output(output, names=NAMES, noun=NOUN)
    measured = None if test is None else read_packed(test)
    found = find_data(data, on_error=options.on_error, show_progress=show_progress)
    if isinstance(found, Pictures):
        refuse_inside(output, data)
    seed = options.settings.get("seed", 0)
    split = split_sequences(found, share=options.validation, seed=seed)
    return PairTrainPlan(found, split, measured, options, output)
