"""`embedsvc train-pairs`: what it prints, what it refuses, and where its options go."""

import json
import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from tiny_pair_training import draw_photos, draw_texture, write_fake_packed

from embedsvc.cli.main import main
from embedsvc.cli.train_pairs import train_pairs
from embedsvc.jobs import train_pairs as job
from embedsvc.jobs.train_pairs_result import PairTrainResult
from embedsvc.nets.training_state import EpochRecord


def run(*arguments, exit_code=0):
    result = CliRunner().invoke(main, ["train-pairs", *map(str, arguments)])
    assert result.exit_code == exit_code, (result.output, result.exception)
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return draw_photos(tmp_path / "photos")


@pytest.fixture
def planned(monkeypatch, photos):
    """The plans of trainings, none of which is run."""
    plans = []

    def run_training(plan, *, on_epoch, tell, show_progress):
        plans.append(plan)
        on_epoch(EpochRecord(1, 2.5, 0.1, {"total": 1.25}, {"accuracy_5px": 0.5}))
        tell("Measuring and saving")
        metrics = {"n_epochs": 3, "seconds": 62, "best_epoch": 2, "n_validation": 9}
        metrics |= {"summary": ["On 9 pairs:", "", "all right"], "notes": ["Look twice."]}
        metrics["measured"] = {}
        return PairTrainResult(plan.output, metrics)

    monkeypatch.setattr(job, "run_pair_training", run_training)
    return plans


SETTINGS = {
    "backbone": ("--backbone", "small", "small"),
    "dim": ("--dim", "64", 64),
    "loss": ("--loss", "contrastive", "contrastive"),
    "margin": ("--margin", "0.5", 0.5),
    "safe_radius": ("--safe-radius", "7", 7.0),
    "start_pairs": ("--start-pairs", "9", 9),
    "epochs": ("--epochs", "0", 0),
    "steps_per_epoch": ("--steps", "8", 8),
    "batch_size": ("--batch-size", "3", 3),
    "crop": ("--crop", "128", 128),
    "points": ("--points", "50", 50),
    "rotation": ("--rotation", "20", 20.0),
    "scale": ("--scale", "1.2", 1.2),
    "perspective": ("--perspective", "0.25", 0.25),
    "learning_rate": ("--learning-rate", "0.01", 0.01),
    "backbone_rate": ("--backbone-rate", "0", 0.0),
    "activity_penalties": ("--activity-penalty", "stride2=l2:1e-4", {"stride2": "l2:1e-4"}),
    "rotations": ("--rotations", "-30,0,30", [-30, 0, 30]),
    "scales": ("--scales", "1,0.5", [1, 0.5]),
    "seed": ("--seed", "5", 5),
}


def test_all_settings_reach_the_plan(planned):
    given = [part for option, text, _ in SETTINGS.values() for part in (option, text)]
    run("photos", "-o", "out", *given, "--validation", "0.5", "--on-error", "skip")
    (plan,) = planned
    assert plan.options.settings == {name: value for name, (_, _, value) in SETTINGS.items()}
    assert (plan.options.validation, plan.options.on_error) == (0.5, "skip")
    assert (plan.options.resume, plan.options.overwrite, plan.test) == (False, False, None)


def test_what_is_not_named_is_left_to_the_descriptor(planned):
    run("photos", "-o", "out", "--temperature", "0.1", "--overwrite")
    assert planned[0].options.settings == {"temperature": 0.1} and planned[0].options.overwrite


def test_what_is_told(planned):
    result = run("photos", "-o", "out")
    assert result.stderr.splitlines() == [
        "3 pictures to learn from; 1 picture held out to choose the epoch, by 20 warps of it.",
        "Epoch 1: loss 1.250, accuracy 5px 0.5000, 2.5 s",
        "Measuring and saving.",
        "Note: Look twice.",
    ]
    assert result.stdout.splitlines() == [
        "3 epochs in 1 min 2 s, the best is epoch 2.", "On 9 pairs:", "", "all right",
        "Report: out/report.html",
    ]  # fmt: skip
    assert run("photos", "-o", "out", "--quiet").output == ""


def test_notes_come_before_the_training(planned, tmp_path):
    write_fake_packed(tmp_path / "packed", {"a": 3})
    write_fake_packed(tmp_path / "test", {"a": 1})
    result = run("packed", "-o", "out", "--test", "test")
    assert result.stderr.splitlines()[:3] == [
        "3 pairs of 1 sequence to learn from; 1 pair of 1 sequence to test with.",
        "Note: There is one sequence only: none is held out, and the last epoch is kept.",
        "Note: 1 sequence of the test pairs is called as one of those to learn from (a): where "
        "they show the same, the test says too much.",
    ]


# Mistakes

MISTAKES = [
    (["pairs.csv"], "InputError", ["embedsvc pairs pack pairs.csv -o packed"]),
    (["photos", "--test", "pairs.csv"], "InputError", ["embedsvc pairs pack pairs.csv"]),
    (["photos", "--test", "photos"], "ArtifactError", ["folder of packed pairs with pairs.json"]),
    (["packed", "photos"], "InputError", ["packed pairs alone, got packed among 2 places"]),
    (["photos", "packed"], "InputError", ["packed pairs alone, got packed among 2 places"]),
    (["cut"], "ArtifactError", ["bytes, got", "pack the pairs again"]),
    (["broken.png"], "InputError", ["broken.png", "--on-error skip"]),
    (["small.png"], "InputError", ["at least 64 x 64 pixels, got 96 x 40: small.png"]),
    (["small.png", "--on-error", "skip"], "InputError", ["one picture that can be used, got 1"]),
    (["empty"], "InputError", ["Expected images in 'empty'", "got no files"]),
    (["none"], "InputError", ["'none', which does not exist"]),
    (["-"], "InputError", ["got -: they cannot be read from standard input"]),
    (["photos", "--temperature", "1", "--loss", "triplet"], "InputError", ["Add --loss infonce"]),
    (["photos", "--margin", "1"], "InputError", ["Add --loss triplet, or leave it out"]),
    (["photos", "--crop", "100"], "InputError", ["a multiple of 32", "Take 96"]),
    (["photos", "--rotations", "left"], "InputError", ["for --rotations", "got 'left'"]),
    (["photos", "--scales", "9"], "InputError", ["scales from 0.25 to 4"]),
    (["photos", "--activity-penalty", "l2:1"], "InputError", ["Name a layer"]),
    (["photos", "--resume", "--overwrite"], "InputError", ["resume or overwrite, got both"]),
    (["photos", "--resume"], "ResumeError", ["a training to continue in model.parts, got none."]),
    (["photos", "-o", "pairs.csv"], "OutputError", ["got the file pairs.csv"]),
    (["photos", "-o", "full"], "OutputError", ["a folder with thesis.txt", "another output"]),
    (["photos", "-o", "photos/out"], "InputError", ["outside of photos"]),
    (["photos", "-o", "packed"], "OutputError", ["a folder with pairs-00000-of-00001.tfrecord"]),
]  # fmt: skip

# One process makes all of the mistakes, as it takes a second to begin.
_MISTAKEN = """
import json, sys
from click.testing import CliRunner
from embedsvc.cli.train_pairs import train_pairs
# What needs it would fail instead of training for a minute.
sys.modules["tensorflow"] = sys.modules["keras"] = None
found = []
for arguments in json.loads(sys.argv[1]):
    result = CliRunner().invoke(train_pairs, arguments)
    found.append([type(result.exception).__name__, str(result.exception), result.output])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory):
    """The class and the words of each mistake's error, and what was printed before it."""
    path = tmp_path_factory.mktemp("mistakes")
    draw_photos(path / "photos", 3)
    draw_texture(path / "small.png", 0, (40, 96))
    (path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (path / "pairs.csv").write_text("image_a,image_b,matches\n")
    for name in ("packed", "cut"):
        write_fake_packed(path / name, {"a": 2})
    (path / "cut" / "pairs-00000-of-00001.tfrecord").write_bytes(b"")
    (path / "empty").mkdir()
    (path / "full").mkdir()
    (path / "full" / "thesis.txt").write_text("years of work")
    before = sorted(path.rglob("*"))
    runs = [one if "-o" in one else [*one, "-o", "model"] for one, _, _ in MISTAKES]
    command = [sys.executable, "-c", _MISTAKEN, json.dumps(runs)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=path, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(path.rglob("*")) == before
    return json.loads(done.stdout)


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=lambda n: " ".join(MISTAKES[n][0]))
def test_mistakes_are_told_without_tensorflow(mistaken, number):
    _, expected, words = MISTAKES[number]
    error, message, printed = mistaken[number]
    assert error == expected, message
    assert all(one in message for one in words), message
    assert "Traceback" not in printed


def test_mistakes_are_one_line_and_a_code(photos):
    result = run("photos", "-o", "out", "--margin", "1", exit_code=3)
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: Expected --margin with the loss triplet or contrastive")
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'DATA...'"),
        (["a"], "Missing option '-o'"),
        (["a", "-o", "m", "--backbone", "keras:VGG16"], "'efficientnet-lite0', 'small'"),
        (["a", "-o", "m", "--validation", "1"], "is not in the range"),
        (["a", "-o", "m", "--crop", "32"], "is not in the range"),
        (["a", "-o", "m", "--scale", "0.5"], "is not in the range"),
        (["a", "-o", "m", "--learning-rate", "0"], "is not in the range"),
        (["a", "-o", "m", "--epoch", "3"], "Did you mean"),
    ],
)
def test_wrong_usage_has_exit_code_2(arguments, message):
    assert message in run(*arguments, exit_code=2).output


# Help


def options():
    return [one for one in train_pairs.params if isinstance(one, click.Option)]


def test_help_needs_no_tensorflow():
    code = (
        "import sys; from click.testing import CliRunner; "
        "from embedsvc.cli.train_pairs import train_pairs; "
        "print(CliRunner().invoke(train_pairs, ['--help']).output); "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("  embedsvc train-pairs ") == 4
    assert all(option in done.stdout for option, _, _ in SETTINGS.values())


def test_every_option_is_described():
    assert len(options()) > 25 and all(one.help for one in options())


def test_the_help_tells_the_defaults_there_are():
    from embedsvc.cli.train_pairs import _SETTINGS
    from embedsvc.pairs.pipeline import CropOptions
    from embedsvc.pairs.point_descriptor import PointDescriptor
    from embedsvc.pairs.views import Views

    crop = CropOptions()
    expected = {**PointDescriptor().get_params(), **vars(crop.warp), **vars(Views())}
    expected |= {"crop": crop.size, "points": crop.points}
    told = {one.name: re.search(r"\[default: (.+)\]", one.help) for one in options()}
    names = {**_SETTINGS, "rotations": "rotations", "scales": "scales"}
    expected = {name: expected[setting] for name, setting in names.items()}
    found = {name: _like(value, told[name].group(1)) for name, value in expected.items()}
    assert found == expected, "as the help has them, and as they are"


def _like(value, text):
    """A text as a value of the same type."""
    return tuple(map(float, text.split(","))) if isinstance(value, tuple) else type(value)(text)
