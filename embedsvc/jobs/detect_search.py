"""A search and its folder: whether it may be written there, and whether it is done already."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from embedsvc.extract.folder import remove_leftover
from embedsvc.jobs.detect_output import DETECTOR, SCORES, check_kept, check_output, finished
from embedsvc.jobs.detect_plan import DetectPlan
from embedsvc.jobs.detect_result import DetectResult, to_result
from embedsvc.jobs.detect_saving import check_save, copy_saved, kept_fingerprint


@dataclass(frozen=True)
class Search:
    """A plan and the folder of its results.

    Attributes:
        plan: what is to be done.
        output: the folder.
    """

    plan: DetectPlan
    output: Path

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What the detector depends on."""
        return self.plan.fingerprint()

    @property
    def settings(self) -> dict[str, Any]:
        """What the scores depend on, beside what is in the places."""
        return {**self.fingerprint, **self.plan.listing.settings()}

    @property
    def asked(self) -> dict[str, Any]:
        """What the whole result depends on, beside what is in the places."""
        return {**self.settings, "n_maps": self.plan.options.n_maps(self.plan.method)}

    @property
    def kept(self) -> Path:
        """Where the fitted detector is kept."""
        return self.output / DETECTOR

    @property
    def reuses_kept(self) -> bool:
        """Whether the saved detector to reuse is the one in the output."""
        return self.plan.saved is not None and self.plan.saved.resolve() == self.kept.resolve()

    def standing(self, *, save: Path | None = None) -> DetectResult | None:
        """Check the folders, and look whether the result is there; no TensorFlow is needed.

        Args:
            save: a folder to copy the fitted detector to.

        Returns:
            The result, or None where there is something to do.

        Raises:
            InputError: there will be no new detector to save.
            OutputError: a folder holds something else, or cannot be written.
            ResumeError: the output is of another search.
        """
        start = time.perf_counter()
        overwrite = self.plan.options.overwrite
        check_output(self.output)
        if save is not None:
            reused = self.plan.saved is not None
            check_save(save, self.kept, reused=reused, overwrite=overwrite)
        if overwrite:
            return None
        made = finished(self.output, self.plan, self.asked)
        if made is None:
            if not self.reuses_kept:
                check_kept(self.output, kept_fingerprint(self.kept), self.fingerprint)
            return None
        remove_leftover(self.output / SCORES)
        if save is not None:
            copy_saved(self.kept, save, overwrite=overwrite)
        seconds = time.perf_counter() - start
        return to_result(made, self.output, seconds=seconds, stood_already=True)
