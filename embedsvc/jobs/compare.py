"""Every detector on one labelled set of images, against the HOG baseline: figures and a page.

records -> plan -> survey -> one detector at a time -> figures -> OUTPUT/
    metrics.json   all figures, for programs
    scores.csv     one row a test image, one column a detector
    report.html    the same to look at
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedsvc.datasets.dataset import read_dataset
from embedsvc.errors import InputError, OutputError
from embedsvc.files import atomic_write
from embedsvc.images.records import ImageRecord
from embedsvc.jobs.compare_figures import (
    Row,
    Truth,
    baseline_of,
    figures_of,
    finite,
    lead_over,
    verdict_of,
    warnings_of,
)
from embedsvc.jobs.compare_finished import Finished, not_writable, open_finished
from embedsvc.jobs.compare_kinds import CompareOptions, Contestant, make_detector
from embedsvc.jobs.compare_measure import measure
from embedsvc.jobs.compare_page import write_page
from embedsvc.jobs.compare_plan import Plan, plan_comparison
from embedsvc.jobs.compare_survey import Survey, survey_images

if TYPE_CHECKING:
    from embedsvc.detectors.base import AnomalyDetector

Make = Callable[[Contestant, CompareOptions], "AnomalyDetector"]
Tell = Callable[[str], None]


def _silent(line: str) -> None:
    del line


@dataclass(frozen=True)
class Comparison:
    """What came out.

    Attributes:
        metrics: what `metrics.json` holds.
        page: the path of `report.html`.
    """

    metrics: dict[str, Any]
    page: Path

    @property
    def verdict(self) -> str:
        """Which detector to use and whether it was worth it."""
        return str(self.metrics["verdict"])


def compare_detectors(
    records: Sequence[ImageRecord] | str | Path,
    output: str | Path,
    options: CompareOptions | None = None,
    *,
    dataset: str | None = None,
    make: Make = make_detector,
    before_detectors: Callable[[], None] = lambda: None,
    tell: Tell = _silent,
    show_progress: bool = False,
) -> Comparison:
    """Compare detectors on a labelled set of images, or continue an earlier comparison.

    Args:
        records: labelled images, or the place of a dataset that `read_dataset` understands.
        output: folder of the results, made if need be. Finished detectors are kept in it.
        options: what is compared; every default is right for a first look.
        dataset: how the set is called in the results; its place where `records` is one.
        make: makes a detector that has learned nothing yet.
        before_detectors: called before the first detector is made, once nothing else is wrong.
        tell: called with a line for people whenever something begins or is done.
        show_progress: whether progress bars are drawn on stderr.

    Returns:
        All figures, and where the page is.

    Raises:
        InputError: images, labels or settings that are not usable.
        ResumeError: the folder holds a comparison of other images or with other settings.
        OutputError: the folder cannot be written.
        KeyboardInterrupt: as it came, with a message about what is kept.

    Example:
        >>> comparison = compare_detectors("tiles", "report")  # doctest: +SKIP
        >>> comparison.verdict  # doctest: +SKIP
        'Deep learning was worth it: ocsvm beats HOG by 0.07 (95 % interval 0.04 to 0.10).'
    """
    options, output = options or CompareOptions(), Path(output)
    if isinstance(records, str | Path):
        _check_apart(Path(records), output)
        dataset, records = dataset or str(records), read_dataset(records)
    plan = plan_comparison(records, options, dataset=dataset or "images")
    with (
        open_finished(output, plan.fingerprint(), overwrite=options.overwrite) as finished,
        _telling_what_is_safe(finished),
    ):
        survey = survey_images(plan, show_progress=show_progress)
        before_detectors()
        rows = _run(plan, survey, finished, make=make, tell=tell, show_progress=show_progress)
        return _write(plan, survey, rows, output)


def _run(
    plan: Plan,
    survey: Survey,
    finished: Finished,
    *,
    make: Make,
    tell: Tell,
    show_progress: bool,
) -> list[Row]:
    """One detector after the other."""
    names = [one.name for one in (*survey.normals, *survey.labelled, *survey.test)]
    digest = hashlib.sha256(repr(names).encode("utf-8", "backslashreplace")).hexdigest()
    n_images = f"{len(survey.normals):,} images, is tested on {len(survey.test):,}"
    rows = []
    for number, contestant in enumerate(plan.contestants, 1):
        place = f"[{number}/{len(plan.contestants)}] {contestant.name}"
        measured = finished.load(contestant, digest)
        if measured is None:
            tell(f"{place}: learns from {n_images}")
            try:
                # Nothing here keeps the detector, so that only one is in memory.
                measured = measure(
                    make(contestant, plan.options), survey, show_progress=show_progress
                )
            except InputError as err:
                raise InputError(f"{contestant.name}: {err}") from err
            finished.save(contestant, measured, digest)
        else:
            tell(f"{place}: finished earlier")
        rows.append(Row(contestant, measured))
    return rows


def _write(plan: Plan, survey: Survey, rows: list[Row], output: Path) -> Comparison:
    truth = Truth.of(survey.test)
    metrics: dict[str, Any] = finite(_metrics(plan, survey, rows, truth))
    text = json.dumps(metrics, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    _write_file(output / "scores.csv", _scores_csv(rows, truth))
    page = write_page(output, metrics, rows, truth, n_labelled=len(survey.labelled))
    # Last, so that whoever waits for it finds the others too.
    _write_file(output / "metrics.json", text.encode("utf-8", "replace"))
    return Comparison(metrics, page)


def _metrics(plan: Plan, survey: Survey, rows: list[Row], truth: Truth) -> dict[str, Any]:
    seed = plan.options.seed
    baseline = baseline_of(rows, truth)
    entries = []
    for row in rows:
        entry = figures_of(row, truth, seed=seed)
        entry["lead"], entry["lead_interval"] = None, None
        if baseline is not None and row is not baseline:
            lead, interval = lead_over(row, baseline, truth, seed=seed)
            entry["lead"], entry["lead_interval"] = lead, list(interval)
        entries.append(entry)
    return {
        "dataset": plan.dataset,
        "n_train": len(survey.normals),
        "n_train_labelled": len(survey.labelled),
        "n_test_normal": int((truth.labels == 0).sum()),
        "n_test_anomalous": int((truth.labels == 1).sum()),
        "detectors": entries,
        "baseline": None if baseline is None else baseline.contestant.name,
        "verdict": verdict_of(entries, baseline),
        "warnings": [*survey.warnings, *warnings_of(rows, truth, len(survey.normals))],
        "notes": [*plan.notes, *survey.notes],
        "rejects": list(survey.rejects),
        "options": plan.fingerprint(),
    }


def _scores_csv(rows: Sequence[Row], truth: Truth) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "label", "defect", *(row.contestant.name for row in rows)])
    for i, record in enumerate(truth.records):
        scores = [repr(float(row.measured.scores[i])) for row in rows]
        writer.writerow([record.name, record.label, record.defect or "", *scores])
    return text.getvalue().encode("utf-8", "replace")


def _write_file(path: Path, content: bytes) -> None:
    try:
        with atomic_write(path) as file:
            file.write(content)
    except OSError as err:
        raise not_writable(path, err) from err


def _check_apart(place: Path, output: Path) -> None:
    """Refuse an output inside the dataset, where its folder would look like a kind of defect."""
    if place.is_dir() and output.resolve().is_relative_to(place.resolve()):
        raise OutputError(
            f"Expected an output outside of the dataset {place}, got {output}. Choose another "
            "folder."
        )


@contextmanager
def _telling_what_is_safe(finished: Finished) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as err:
        count = finished.n_finished
        kept = f"{count} finished detectors are safe in {finished.folder}. " if count else ""
        raise KeyboardInterrupt(f"{kept}Run the same command again to continue.") from err
