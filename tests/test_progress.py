"""A bar where someone looks, silence elsewhere."""

import sys

import pytest

from embedsvc.progress import progress_bar


def test_no_terminal_no_bar(capsys):
    with progress_bar("Working", total=3, unit="texts") as advance:
        advance(3)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("unit", ["texts", "bytes"])
@pytest.mark.parametrize("total", [None, 0, 3])
def test_a_bar_goes_to_stderr(capsys, monkeypatch, unit, total):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes stderr for a terminal
    with progress_bar("Working", total=total, unit=unit, show=True) as advance:
        advance(1)
        advance(2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Working" in err


def test_a_terminal_gets_a_bar_unless_told(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_bar("Hidden", total=1, unit="texts", show=False) as advance:
        advance(1)
    with progress_bar("Shown", total=1, unit="texts") as advance:
        advance(1)
    err = capsys.readouterr().err
    assert "Shown" in err
    assert "Hidden" not in err


def test_errors_pass_through():
    with pytest.raises(KeyError), progress_bar("W", total=1, unit="texts", show=True):
        raise KeyError


def test_rich_is_not_imported_for_nothing():
    import subprocess

    code = (
        "import sys; from embedsvc.progress import progress_bar\n"
        "with progress_bar('W', total=1, unit='texts', show=False) as advance: advance(1)\n"
        "sys.exit('rich' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
