"""A search for anomalies from its plan to the finished folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from embedsvc.errors import ArtifactError, InputError
from embedsvc.extract.joining import input_digest
from embedsvc.extract.journal import Journal, open_journal
from embedsvc.jobs.detect_found import Found, find
from embedsvc.jobs.detect_learn import (
    Fitted,
    fit_and_keep,
    load_fitted,
)
from embedsvc.jobs.detect_output import (
    MAPS,
    SCORES,
    forget_detector,
    forget_maps,
    forget_results,
    write_metrics,
)
from embedsvc.jobs.detect_pictures import Pictures, draw_maps, overlay_name, take_pictures
from embedsvc.jobs.detect_plan import DetectPlan
from embedsvc.jobs.detect_result import DetectResult, to_result
from embedsvc.jobs.detect_saving import copy_saved, kept_fingerprint
from embedsvc.jobs.detect_search import Search
from embedsvc.jobs.detect_story import Told, shown_rows, to_metrics, to_report
from embedsvc.jobs.detect_warnings import warnings_about
from embedsvc.jobs.scoring import ScoredRow, ScorePart, read_scored, score_missing
from embedsvc.jobs.scoring_csv import write_scores
from embedsvc.progress import progress_bar
from embedsvc.report.anomaly_report import write_anomaly_report


def run_detection(
    search: Search, *, save: Path | None = None, show_progress: bool = False
) -> DetectResult:
    """Fit or load the detector, score all images, and write the folder of the results.

    Args:
        search: not complete yet, as `Search.standing` tells; what an earlier run of it left is
            continued.
        save: a folder to copy the fitted detector to.
        show_progress: whether progress bars are drawn on stderr.

    Raises:
        InputError: unusable images, labels or settings.
        ArtifactError: a saved detector or a part is broken.
        WeightsError: the pretrained network could not be fetched.
        OutputError: the output belongs to something else, or cannot be written.
        KeyboardInterrupt: as it came, with a message about what is kept.
    """
    start = time.perf_counter()
    output, overwrite = search.output, search.plan.options.overwrite
    with (
        open_journal(output / SCORES, search.settings, ScorePart, overwrite=overwrite) as journal,
        _telling_what_is_safe(journal),
    ):
        forget_results(output)
        fitted = _obtain(search, journal, show_progress=show_progress)
        if save is not None:
            copy_saved(search.kept, save, overwrite=overwrite)
        resumed = _score(search, fitted, journal, show_progress=show_progress)
        made = _finish(search, fitted, journal, show_progress=show_progress)
        journal.remove()
    return to_result(made, output, seconds=time.perf_counter() - start, resumed=resumed)


def _obtain(search: Search, journal: Journal[ScorePart], *, show_progress: bool) -> Fitted:
    """The detector: the saved one, the one that an earlier run fitted, or a new one."""
    plan, kept = search.plan, search.kept
    if plan.saved is not None:
        fitted = load_fitted(plan.saved, with_baseline=plan.has_baseline)
        if not search.reuses_kept:
            forget_detector(kept)
        return fitted
    if kept_fingerprint(kept) == search.fingerprint:
        try:
            return load_fitted(kept, with_baseline=plan.has_baseline)
        except ArtifactError as err:
            if not plan.options.overwrite:
                raise ArtifactError(f"{err} To learn again, add --overwrite.") from err
    # Scores of a detector that is gone are not mixed with those of another.
    journal.cut(0)
    forget_detector(kept)
    return fit_and_keep(plan, kept, fingerprint=search.fingerprint, show_progress=show_progress)


def _score(
    search: Search, fitted: Fitted, journal: Journal[ScorePart], *, show_progress: bool
) -> int:
    """Score what is missing; returns how many images an earlier run had scored."""
    plan = search.plan
    total = plan.listing.total() if show_progress else None
    with progress_bar("Scoring", total=total, unit="images", show=show_progress) as advance:
        n_computed = score_missing(
            plan.listing,
            fitted.detector,
            fitted.baseline,
            journal,
            on_error=plan.options.on_error,
            overwrite=plan.options.overwrite,
            advance=advance,
        )
    if n_computed:
        forget_maps(search.output)
    n_earlier = len(journal.records) - n_computed
    return sum(record.rows for record in journal.records[:n_earlier])


def _finish(
    search: Search, fitted: Fitted, journal: Journal[ScorePart], *, show_progress: bool
) -> dict[str, Any]:
    """Write everything from the parts; `metrics.json`, which is returned too, comes last."""
    plan, output = search.plan, search.output
    found = find(read_scored(journal), plan.learned_paths())
    if not found.n_images:
        journal.remove()
        raise InputError(_no_images(plan, found))
    with journal.explaining_write_errors():
        baseline = fitted.baseline is not None
        write_scores(output / SCORES, read_scored(journal), baseline=baseline)
        pictures = _pictures(search, fitted, found, journal, show_progress=show_progress)
        told = Told(
            plan,
            fitted,
            found,
            tuple(warnings_about(fitted, found)),
            sum(record.seconds for record in journal.records),
        )
        write_anomaly_report(to_report(told, pictures), output)
        digest = input_digest(record.digest for record in journal.records)
        metrics = to_metrics(told, run=search.asked, images_sha256=digest)
        write_metrics(output, metrics)
    return metrics


def _pictures(
    search: Search,
    fitted: Fitted,
    found: Found,
    journal: Journal[ScorePart],
    *,
    show_progress: bool,
) -> dict[int, Pictures]:
    shown = shown_rows(found)
    n_maps = search.plan.options.n_maps(search.plan.method)
    if n_maps == 0:
        return take_pictures(shown)
    n_drawn = found.n_images if n_maps is None else min(n_maps, found.n_images)
    with progress_bar("Drawing maps", total=n_drawn, unit="images", show=show_progress) as advance:
        drawn = draw_maps(
            _targets(search.output / MAPS, found, journal, n_maps),
            fitted.detector,
            shown=frozenset(row.index for row in shown),
            advance=advance,
        )
    return {**take_pictures(row for row in shown if row.index not in drawn), **drawn}


def _targets(
    folder: Path, found: Found, journal: Journal[ScorePart], n_maps: int | None
) -> Iterator[tuple[Path, ScoredRow]]:
    """The images to draw and where to: numbered by rank, or by row of scores.csv where all are."""
    if n_maps is None:
        for row in read_scored(journal):
            if row.score is not None:
                yield folder / overlay_name(row.index + 1, row.name), row
        return
    for rank, row in enumerate(found.top[:n_maps], 1):
        yield folder / overlay_name(rank, row.name), row


@contextmanager
def _telling_what_is_safe(journal: Journal[ScorePart]) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as err:
        kept = f"{journal.safe} " if journal.n_rows else ""
        raise KeyboardInterrupt(f"{kept}Run the same command again to continue.") from err


def _no_images(plan: DetectPlan, found: Found) -> str:
    if not found.failures:
        return f"Expected images in {plan.listing.label}, got none. Check the folder."
    name, reason = found.failures[0]
    return (
        f"Expected usable images in {plan.listing.label}, got {len(found.failures):,} that cannot "
        f"be used, such as {name}: {reason}"
    )
