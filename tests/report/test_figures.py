"""Matplotlib kept to itself."""

import matplotlib as mpl

from embedsvc.report.figures import drawable, plain_matplotlib


def test_characters_without_a_shape():
    assert drawable("Zürich 東京 é → 👍") == "Zürich ?? é → ?"


def test_settings_of_the_user_stay():
    before = mpl.rcParams["lines.linewidth"]
    with mpl.rc_context({"lines.linewidth": 9}):
        with plain_matplotlib():
            assert mpl.rcParams["lines.linewidth"] == before
        assert mpl.rcParams["lines.linewidth"] == 9
