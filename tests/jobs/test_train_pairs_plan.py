"""What is told of a training before it begins, and what it depends on."""

import pytest
from tiny_pair_training import draw_photos, draw_texture, write_fake_packed

from embedsvc.errors import InputError, OutputError
from embedsvc.jobs.train_pairs_options import PairTrainOptions
from embedsvc.jobs.train_pairs_plan import plan_pair_training


@pytest.fixture
def plan(tmp_path):
    """Plan a training on packed pairs of such sequences, or on so many pictures."""

    def make(data, *, test=None, places=(), **options):
        if isinstance(data, dict):
            place = write_fake_packed(tmp_path / "packed", data)
        else:
            place = draw_photos(tmp_path / "photos", data)
        if isinstance(test, dict):
            test = write_fake_packed(tmp_path / "test", test)
        options = PairTrainOptions(**options)
        return plan_pair_training(
            [str(place), *places], tmp_path / "out", options=options, test=test
        )

    return make


FIVE = {"a": 30, "b": 2, "c": 2, "d": 2, "e": 4}


@pytest.mark.parametrize(
    ("data", "options", "line"),
    [
        ({"a": 1}, {}, "1 pair of 1 sequence to learn from."),
        (FIVE, {"validation": 0, "test": {"z": 3}}, "40 pairs of 5 sequences to learn from; 3 "
                                                    "pairs of 1 sequence to test with."),
        (2, {}, "1 picture to learn from; 1 picture held out to choose the epoch, by 20 warps of "
                "it."),
        (5, {"validation": 0.5}, "3 pictures to learn from; 2 pictures held out to choose the "
                                 "epoch, by 20 warps of them."),
    ],
)  # fmt: skip
def test_counts_are_told(plan, data, options, line):
    if line.startswith("10"):
        options = {"settings": {"seed": _seed_that_holds_out(plan, "a")}}
    if line.startswith("38"):
        options = {"settings": {"seed": _seed_that_holds_out(plan, "b")}}
    assert plan(data, **options).lines() == [line]


def _seed_that_holds_out(plan, name):
    seeds = range(100)
    return next(
        one for one in seeds if plan(FIVE, settings={"seed": one}).split.held_out == (name,)
    )


def test_nothing_to_note(plan):
    assert plan(FIVE, test={"z": 1}).notes() == plan(4).notes() == []


@pytest.mark.parametrize(
    ("data", "options", "note"),
    [
        ({"a": 9}, {}, "There is one sequence only: none is held out, and the last epoch is kept. "
                       "--test FOLDER measures on others."),
        (1, {}, "There is one picture only: none is held out, and the last epoch is kept. "
                "--test FOLDER measures on others."),
        (FIVE, {"validation": 0, "test": {"z": 1}},
         "None is held out, and the last epoch is kept."),
        (FIVE, {"test": {"a": 1, "z": 1, "\x1b[2J": 1}},
         "1 sequence of the test pairs is called as one of those to learn from (a): where they "
         "show the same, the test says too much."),
        ({"a": 1, "b": 1}, {"test": {"a": 1, "b": 1}},
         "2 sequences of the test pairs are called as some of those to learn from (a, b): where "
         "they show the same, the test says too much."),
    ],
)  # fmt: skip
def test_notes(plan, data, options, note):
    assert plan(data, **options).notes() == [note]


def test_notes_on_pictures(plan, tmp_path):
    draw_texture(tmp_path / "photos" / "4copy.png", 4)
    draw_texture(tmp_path / "photos" / "small.png", 7, (20, 20))
    found = plan(8, on_error="skip")
    assert found.notes() == [
        "1 picture looks like another one and stays on its side of the split.",
        "1 picture that cannot be used left out; rejects.jsonl says why.",
    ]
    assert found.label.endswith("photos") and "4copy.png" in found.names.values()


def test_what_it_depends_on(plan):
    first = plan(FIVE, settings={"dim": 8, "rotations": (0, 1)})
    assert first.settings["settings"] == {"dim": 8, "rotations": [0, 1]}
    assert first.settings["data"] == "pairs" and first.settings["validation"] == 0.2
    assert "test_pairs_sha256" not in first.settings
    assert first.asked["test_pairs_sha256"] is None
    again = plan(FIVE, settings={"dim": 8, "rotations": (0, 1)}, test={"z": 1})
    assert again.settings == first.settings
    assert len(again.asked["test_pairs_sha256"]) == 64
    assert (
        plan({"a": 2}).settings["pairs_to_learn_from_sha256"]
        != (first.settings["pairs_to_learn_from_sha256"])
    )
    assert len(plan(3).settings["pictures_to_learn_from_sha256"]) == 64


def test_outputs_and_tests_are_checked_first(plan, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match=r"trained descriptor, got a folder with thesis\.txt"):
        plan(FIVE)
    (tmp_path / "out" / "thesis.txt").unlink()
    (tmp_path / "pairs.csv").write_text("image_a\n")
    with pytest.raises(InputError, match="embedsvc pairs pack"):
        plan(FIVE, test=tmp_path / "pairs.csv")


def test_an_output_among_the_pictures(tmp_path):
    draw_photos(tmp_path / "photos", 2)
    with pytest.raises(InputError, match="outside of"):
        plan_pair_training([str(tmp_path / "photos")], tmp_path / "photos" / "out")
