"""The image half of the quick start: pictures of parts, and which of them are not good."""

from __future__ import annotations

from pathlib import Path

from embedsvc.jobs.detect import DetectOptions, DetectResult, detect_anomalies
from embedsvc.jobs.sample_parts import write_sample_parts

PARTS = "parts"
ANOMALIES = "anomalies"


def run_quickstart_images(folder: Path, *, show_progress: bool = False) -> DetectResult:
    """Make pictures of parts, learn from the good ones, and find the defective ones.

    Args:
        folder: gets `parts/`, the pictures, and `anomalies/`, the results; earlier ones are
            replaced.
        show_progress: whether progress bars are drawn on stderr.

    Raises:
        OutputError: the folder cannot be written.
        WeightsError: the model could not be fetched.
    """
    write_sample_parts(folder / PARTS)
    return detect_anomalies(
        [folder / PARTS],
        None,
        folder / ANOMALIES,
        # Heat maps are what people want to see first.
        options=DetectOptions(method="patchcore", overwrite=True),
        show_progress=show_progress,
    )
