"""`detect-anomalies` itself: find the bad images, and show where.

    places -> plan -> detector (fitted or saved) -> scores, a window at a time -> folder of results

Planning needs no TensorFlow, so that mistakes are answered at once.
"""

from __future__ import annotations

from pathlib import Path

from embedsvc.jobs.detect_options import DetectOptions
from embedsvc.jobs.detect_places import Places
from embedsvc.jobs.detect_plan import DetectPlan, plan_detection
from embedsvc.jobs.detect_result import DetectResult
from embedsvc.jobs.detect_search import Search

__all__ = [
    "DetectOptions",
    "DetectPlan",
    "DetectResult",
    "Search",
    "detect_anomalies",
    "plan_detection",
]


def detect_anomalies(
    images: Places,
    normal: Places | None,
    output: Path | str,
    *,
    options: DetectOptions | None = None,
    detector: Path | str | None = None,
    labels: Path | str | None = None,
    save: Path | str | None = None,
    show_progress: bool = False,
) -> DetectResult:
    """Learn from normal images which others are not, and write a folder that shows it.

    The folder gets `scores.csv`, `metrics.json`, `report.html`, overlays in `maps/` where the
    method has maps, and the fitted detector in `detector/`. A run that was stopped is continued by
    the same call.

    Args:
        images: to score: folders, globs or files; one manifest; or one folder as of MVTec AD,
            whose train/good is then learned from unless `normal` is given.
        normal: the same of normal images; None with a saved detector.
        output: the folder of the results.
        options: how it is done; None for the defaults.
        detector: the folder of a saved detector, used instead of fitting one.
        labels: a table with the columns path and label of any of these images. Half of the
            labelled images to score chooses the threshold, the other half measures.
        save: a folder to copy the fitted detector to.
        show_progress: whether progress bars are drawn on stderr.

    Returns:
        What was found.

    Raises:
        InputError: images, labels or options that cannot be used.
        ArtifactError: the saved detector is broken.
        WeightsError: the pretrained network could not be fetched.
        OutputError: the output belongs to something else, or cannot be written.

    Example:
        >>> result = detect_anomalies(["parts/new"], ["parts/good"], "report")
        >>> result.top[0]
        ('0042.jpg', 12.7)
    """
    plan = plan_detection(
        images,
        normal,
        Path(output),
        options=options or DetectOptions(),
        detector=None if detector is None else Path(detector),
        labels=None if labels is None else Path(labels),
    )
    search, target = Search(plan, Path(output)), None if save is None else Path(save)
    done = search.standing(save=target)
    if done is not None:
        return done
    # Here TensorFlow is imported, which takes seconds.
    from embedsvc.jobs.detect_run import run_detection

    return run_detection(search, save=target, show_progress=show_progress)
