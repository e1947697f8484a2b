"""The detector of a search: fitted once and kept in the output, or one that was saved before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedsvc.detectors.base import AnomalyDetector
from embedsvc.detectors.registry import make_detector
from embedsvc.images.loading import Failure
from embedsvc.images.records import ImageRecord
from embedsvc.jobs.detect_options import BASELINE
from embedsvc.jobs.detect_plan import DetectPlan
from embedsvc.jobs.detect_saving import BASELINE_FOLDER, EXTRA, NAMES, WHAT, read_story
from embedsvc.store.detectors import load_detector, save_detector
from embedsvc.store.places import write_folder

_NAMED = 20


@dataclass(frozen=True)
class Fitted:
    """A detector that is ready to score.

    Attributes:
        detector: the detector.
        baseline: the HOG baseline, or None.
        normal_source: where the normal images came from.
        n_suspects: normal images that look like anomalies.
        suspects: names of the first of them; none where they are not known.
        n_unreadable: normal images that could not be read.
        unreadable: names and reasons of the first of them.
    """

    detector: AnomalyDetector
    baseline: AnomalyDetector | None
    normal_source: str
    n_suspects: int
    suspects: tuple[str, ...]
    n_unreadable: int
    unreadable: tuple[str, ...]


def load_fitted(folder: Path, *, with_baseline: bool) -> Fitted:
    """Load a saved detector, and its baseline if there is one.

    Raises:
        ArtifactError: the folder is no detector, or is broken.
        WeightsError: its backbone could not be fetched.
    """
    detector = load_detector(folder)
    beside = folder / BASELINE_FOLDER
    baseline = load_detector(beside) if with_baseline and beside.is_dir() else None
    story = read_story(folder)
    n_unreadable = story.get("n_unreadable")
    return Fitted(
        detector,
        baseline,
        normal_source=str(story.get("normal_source", folder)),
        n_suspects=len(detector.suspects_),
        suspects=_texts(story.get("suspects")),
        n_unreadable=n_unreadable if isinstance(n_unreadable, int) else 0,
        unreadable=_texts(story.get("unreadable")),
    )


def fit_and_keep(
    plan: DetectPlan, folder: Path, *, fingerprint: dict[str, Any], show_progress: bool
) -> Fitted:
    """Fit a detector and its baseline, and keep both in a folder.

    Args:
        plan: what to learn from.
        folder: replaced if it holds a detector already.
        fingerprint: of the plan.
        show_progress: whether a progress bar is drawn on stderr.

    Raises:
        InputError: images, labels or settings that cannot be used.
        OutputError: the folder cannot be written.
    """
    options = plan.options
    records = (*plan.normals, *plan.labelled)
    failures: list[Failure] = []
    detector = make_detector(plan.method, **options.settings(plan.method))
    _fit(detector, plan, failures.append, show_progress=show_progress)
    baseline = None
    if plan.has_baseline:
        baseline = make_detector(BASELINE, **options.baseline_settings())
        _fit(baseline, plan, lambda failure: None, show_progress=show_progress)
    suspects = tuple(records[i].name for i in detector.suspects_.tolist())
    fitted = Fitted(
        detector,
        baseline,
        normal_source=plan.normal_source,
        n_suspects=len(suspects),
        suspects=suspects[:_NAMED],
        n_unreadable=len(failures),
        unreadable=tuple(f"{records[one.index].name}: {one.reason}" for one in failures[:_NAMED]),
    )
    _keep(fitted, folder, fingerprint)
    return fitted


def _fit(
    detector: AnomalyDetector,
    plan: DetectPlan,
    on_failure: Callable[[Failure], None],
    *,
    show_progress: bool,
) -> None:
    records: tuple[ImageRecord, ...] = (*plan.normals, *plan.labelled)
    detector.fit(
        [one.path for one in records],
        # A normal image needs no label to be one: that is what its folder says.
        [0] * len(plan.normals) + [one.label for one in plan.labelled],
        groups=plan.groups,
        on_error=plan.options.on_error,
        on_failure=on_failure,
        show_progress=show_progress,
    )


def _keep(fitted: Fitted, folder: Path, fingerprint: dict[str, Any]) -> None:
    extra = {
        EXTRA: {
            "fingerprint": fingerprint,
            "normal_source": fitted.normal_source,
            "suspects": list(fitted.suspects),
            "n_unreadable": fitted.n_unreadable,
            "unreadable": list(fitted.unreadable),
        }
    }

    def write(fresh: Path) -> None:
        save_detector(fitted.detector, fresh, extra=extra)
        if fitted.baseline is not None:
            save_detector(fitted.baseline, fresh / BASELINE_FOLDER)

    write_folder(folder, write, what=WHAT, names=NAMES, overwrite=True)


def _texts(found: object) -> tuple[str, ...]:
    return tuple(map(str, found)) if isinstance(found, list) else ()
