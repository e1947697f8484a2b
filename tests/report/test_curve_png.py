"""The course of a training run as a picture."""

import logging
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from made_training import made_history
from PIL import Image

from embedsvc.errors import InputError, OutputError
from embedsvc.report.curve_png import write_curve_png

# The colours of the first lines, of data loss and accuracy, and the second ones.
BLUE, ORANGE = (0, 114, 178), (213, 94, 0)


def picture(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.size == (1200, 500)
        return np.asarray(image.convert("RGB")).astype(int)


def columns_of(colour, pixels):
    near = np.abs(pixels - colour).max(axis=2) < 30
    return np.flatnonzero(near.any(axis=0))


@pytest.mark.parametrize("n_epochs", [1, 2, 70])
def test_both_halves_are_drawn(tmp_path, n_epochs):
    path = tmp_path / "new" / "history.png"
    write_curve_png(made_history(n_epochs, penalties=True), path, best_epoch=1)
    pixels = picture(path)
    for colour in (BLUE, ORANGE):
        assert (columns_of(colour, pixels) < 600).any()
        assert (columns_of(colour, pixels) > 600).any()
    assert [other.name for other in path.parent.iterdir()] == ["history.png"]


def test_broken_values_and_unusual_names(tmp_path):
    history = made_history(9, penalties=True)
    history[4].terms.update(total=math.nan, data=math.inf)
    history[4].validation["loss"] = math.nan
    for record in history:
        record.terms.update({"_hidden $x^$ 日本\x1b": 0.3, "never": math.nan})
        record.terms.update({f"activity penalty: layer {i}": 0.0 for i in range(12)})
    write_curve_png(history, tmp_path / "a.png", best_epoch=3)
    picture(tmp_path / "a.png")


def test_more_lines_than_styles(tmp_path):
    history = made_history(3)
    for record in history:
        record.terms.update({f"activity penalty: layer {i}": 0.1 * i for i in range(1, 20)})
    write_curve_png(history, tmp_path / "a.png")
    picture(tmp_path / "a.png")


def test_nothing_measured(tmp_path):
    write_curve_png(made_history(3, measures=False), tmp_path / "a.png", best_epoch=9)
    picture(tmp_path / "a.png")


def test_the_same_history_gives_the_same_bytes(tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    handlers = list(logging.getLogger("matplotlib").handlers)
    with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 30}):
        write_curve_png(made_history(3), tmp_path / "a.png")
    write_curve_png(made_history(3), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert dict(matplotlib.rcParams) == before
    assert logging.getLogger("matplotlib").handlers == handlers


def test_it_is_quiet_and_starts_no_window_system(tmp_path):
    """Even where Matplotlib has nowhere to keep its fonts, which it would remark on."""
    (tmp_path / "file").touch()
    code = (
        "import sys; from pathlib import Path\n"
        "from embedsvc.nets.training_state import EpochRecord\n"
        "from embedsvc.report.curve_png import write_curve_png\n"
        "assert 'matplotlib' not in sys.modules\n"
        "history = [EpochRecord(1, 1.0, 1e-3, {'total': 1.0}, {'accuracy': 0.5})]\n"
        f"write_curve_png(history, Path({str(tmp_path / 'a.png')!r}))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path / "file")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    picture(tmp_path / "a.png")


def test_no_epochs(tmp_path):
    with pytest.raises(InputError, match="Expected at least one epoch to draw, got none"):
        write_curve_png([], tmp_path / "a.png")


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Expected to write"):
        write_curve_png(made_history(1), tmp_path / "file" / "a.png")
