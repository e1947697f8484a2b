"""Errors as messages and exit codes; help without heavy imports."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from embedsvc import errors
from embedsvc.cli import main as main_module
from embedsvc.cli.main import exit_code, main

HEAVY = {"tensorflow", "keras", "sklearn", "pyarrow", "numpy", "tokenizers", "rich"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.EmbedsvcError, 1),
        (errors.NotFittedError, 1),
        (errors.InputError, 3),
        (errors.ArtifactError, 4),
        (errors.WeightsError, 4),
        (errors.OfflineError, 4),
        (errors.MissingExtraError, 4),
        (errors.OutputError, 5),
        (errors.ResumeError, 5),
    ],
)
def test_every_error_is_a_message_and_a_code(error, code, monkeypatch):
    @click.command()
    def fail():
        raise error("Expected one, got two. Do three.")

    monkeypatch.setitem(main.commands, "fail", fail)
    result = CliRunner().invoke(main, ["fail"])
    assert (result.exit_code, exit_code(error())) == (code, code)
    assert result.stderr == "Error: Expected one, got two. Do three.\n"
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("raised", "code", "shown"),
    [
        (KeyboardInterrupt(), 130, "\nInterrupted.\n"),
        (KeyboardInterrupt("7 rows are safe."), 130, "\nInterrupted. 7 rows are safe.\n"),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_other_ends(monkeypatch, raised, code, shown):
    @click.command()
    def end():
        raise raised

    monkeypatch.setitem(main.commands, "end", end)
    result = CliRunner().invoke(main, ["end"])
    assert (result.exit_code, result.stderr) == (code, shown)


def test_a_bug_keeps_its_traceback(monkeypatch):
    @click.command()
    def bug():
        raise ZeroDivisionError

    monkeypatch.setitem(main.commands, "bug", bug)
    assert isinstance(CliRunner().invoke(main, ["bug"]).exception, ZeroDivisionError)


def test_every_error_class_has_a_code():
    classes = [one for one in vars(errors).values() if isinstance(one, type)]
    assert all(exit_code(one()) in (1, 3, 4, 5) for one in classes)
    assert main_module.__doc__


def test_the_help_tells_the_exit_codes():
    shown = " ".join(CliRunner().invoke(main, ["--help"]).stdout.split())
    for code in ("0 done", "2 wrong usage", "3 unusable", "4 model", "5 output", "130 interrupted"):
        assert code in shown


@pytest.mark.parametrize("command", ["extract", "quickstart", "models"])
def test_each_help_has_examples(command):
    shown = CliRunner().invoke(main, [command, "--help"])
    assert shown.exit_code == 0
    lines = [line for line in shown.stdout.splitlines() if line.lstrip().startswith("embedsvc")]
    assert len(lines) >= 2


@pytest.mark.parametrize(
    ("arguments", "code", "light"),
    [
        (["--help"], 0, True),
        (["extract", "--help"], 0, True),
        (["quickstart", "--help"], 0, True),
        (["models", "list"], 0, True),
        (["--version"], 0, True),
        (["nosuch"], 2, True),
        (["extract"], 2, True),
        (["extract", "a.txt", "--dtype", "float8", "-o", "x.npy"], 2, True),
        (["extract", "a.txt"], 2, False),
        (["extract", "nosuch.txt", "-o", "x.npy"], 3, False),
        (["extract", "LICENSE.txt", "-o", "x.npy", "--model", "nosuch"], 4, False),
    ],
)
def test_answers_that_need_no_model_import_none(arguments, code, light, tmp_path):
    (tmp_path / "LICENSE.txt").write_text("a\n")
    program = (
        "import sys\n"
        "from embedsvc.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end:\n"
        "    print(end.code, *{name.partition('.')[0] for name in sys.modules})\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert "Traceback" not in result.stderr
    ended, *modules = result.stdout.splitlines()[-1].split()
    assert int(ended) == code
    assert not set(modules) & (HEAVY if light else {"tensorflow", "keras", "sklearn"})
