"""What is known of a training before TensorFlow is loaded."""

import json

import numpy as np
import pytest
from tiny_training import make_plan, make_rows, write_rows

from embedsvc.errors import ArtifactError, InputError, OutputError
from embedsvc.jobs.train_plan import plan_training

MULTI = [
    {"text": "cat", "label": ["animal"]},
    {"text": "cat 1", "label": ["animal", "number"]},
    {"text": "the", "label": []},
]


@pytest.fixture
def plan(tmp_path):
    """Plan on rows, or on a file that holds a text; options are those of `make_plan`."""

    def make(content, *, output="model", validation=None, test=None, **options):
        if isinstance(content, str):
            data = tmp_path / "in.csv"
            data.write_text(content)
        else:
            data = write_rows(tmp_path / "in.jsonl", content)
        for name, rows in (("validation", validation), ("test", test)):
            if rows is not None:
                options[name] = [write_rows(tmp_path / f"{name}.jsonl", rows)]
        return make_plan(data, tmp_path / output, **options)

    return make


def test_of_one_label_a_text(plan):
    rows = make_rows(10)
    found = plan(rows, test=rows[:1], validation=make_rows(4, seed=1))
    assert (found.codec.task, found.names) == ("multiclass", ["animal", "number", "sign"])
    assert found.counts.tolist() == [4, 3, 3]
    assert found.targets.tolist() == [0, 1, 2] * 3 + [0]
    assert found.lines() == [
        "10 texts to learn from, 4 validation texts, 1 test text.",
        '3 labels, one a text: task "multiclass". Name the task to choose otherwise.',
        "Labels: animal 4 (40 %), number 3 (30 %), sign 3 (30 %).",
    ]
    assert found.notes() == [
        "1 test text is also among those learned from: what is measured there looks better than "
        "it is."
    ]


def test_of_several_labels_a_text(plan):
    found = plan(MULTI)
    assert (found.codec.task, found.counts.tolist()) == ("multilabel", [2, 1])
    np.testing.assert_array_equal(found.targets, [[1, 0], [1, 1], [0, 0]])
    assert found.notes() == [
        "1 label with a single text (number): learned from, but not measured.",
        "1 text has no label: it teaches that none applies.",
    ]


@pytest.mark.parametrize(
    ("content", "options", "names"),
    [
        ("text,label\nx,a;b\ny,b\nz,\n", {"separator": ";"}, ["a", "b"]),
        ("text,a,b\nx,1,1\ny,0,1\nz,0,0\n", {"label": "a,b"}, ["a", "b"]),
        ("text,label\nx,a\ny,b\nz,a\n", {"task": "multilabel"}, ["a", "b"]),
    ],
)
def test_ways_to_write_several_labels(plan, content, options, names):
    found = plan(content, **options)
    assert (found.codec.task, found.names) == ("multilabel", names)


def test_notes_about_the_data(plan):
    rows = [{"text": "x", "label": "a"}] * 10 + [{"text": " ", "label": "b"}] * 2
    rows += [{"text": "x", "label": None}, {"text": "y", "label": "a,b"}]
    found = plan(rows, test=[{"text": "new", "label": "c"}, {"text": "z", "label": "a"}],
                 on_error="skip")  # fmt: skip
    several, single, unbalanced, blank, rejects = found.notes()
    assert "--task multilabel" in several and "(a,b)" in single and "10 times" in unbalanced
    assert blank == "2 texts of nothing but white space."
    assert rejects == "2 rows with a defect left out; rejects.jsonl says why."
    assert found.test.texts == ["z"]
    weighted = plan(rows, on_error="skip", class_weight="balanced", task="multiclass")
    assert [note[:7] for note in weighted.notes()] == ["1 label", "2 texts", "1 row w"]


def test_settings_are_all_that_the_result_depends_on(plan, tmp_path):
    rows = make_rows(12)
    weights = tmp_path / "weights.json"
    weights.write_text('{"animal": 2.5}')
    plain = plan(rows)
    assert plain.settings == json.loads(json.dumps(plain.settings))
    assert plain.settings["labels"] == ["animal", "number", "sign"]
    variants = [
        plain,
        plan(rows[:11]),
        plan(rows, validation=rows[:6]),
        plan(rows, class_weight="balanced"),
        plan(rows, class_weight=str(weights)),
        plan(rows, settings={"hidden": (4,)}),
        plan(rows, model="./somewhere"),
    ]
    told = [json.dumps(one.settings) for one in variants]
    assert len(set(told)) == len(told)
    assert variants[4].settings["class_weight"] == {"animal": 2.5}
    assert variants[5].settings["settings"] == {"hidden": [4]}
    same = plan(rows, output="elsewhere", on_error="skip", overwrite=True, test=rows[:3])
    assert same.settings == plain.settings
    assert same.asked["test_texts_sha256"] and not plain.asked["test_texts_sha256"]


def test_weights_of_texts_are_read_from_the_training_texts_alone(plan):
    rows = [row | {"w": i} for i, row in enumerate(make_rows(6))]
    found = plan(rows, weight="w", test=make_rows(3, seed=1))
    assert found.training.weights.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.test.weights is None


TWO = "text,label\nx,a\ny,b\n"


@pytest.mark.parametrize(
    ("content", "options", "error", "message"),
    [
        ("text,label\nx,a\ny,a\n", {}, InputError, "at least two labels.*got only 'a'"),
        (TWO, {"task": "binary", "separator": ","}, InputError, "one label a text for task"),
        ("text,label\nx,a\ny,b\nz,c\n", {"task": "binary"}, InputError, "two labels for task"),
        ("text,a,b\nx,0,0\ny,0,0\n", {"label": "a,b"}, InputError, "1 in some row.*a, b"),
        ("text,label\nx,\ny,\n", {"separator": ","}, InputError, "got no label for any of them"),
        ("text,label,w\nx,a,0\ny,b,0\n", {"weight": "w"}, InputError, "above 0 for some text"),
        (TWO, {"class_weight": "none.json"}, InputError, "got 'none.json', which is no file"),
        (TWO, {"settings": {"validation_fraction": 0.2}, "validation": MULTI}, InputError,
         "Expected --validation or --validation-fraction, got both"),
        (TWO, {"model": "efficientnet-lite0"}, ArtifactError, "which is for images"),
        (TWO, {"output": "in.csv"}, OutputError, "got the file"),
        (TWO, {"test": [{"text": "x", "label": "A"}]}, InputError, "test.jsonl, line 1.*got 'A'"),
        (TWO, {"validation": [{"text": "x", "label": ["a"]}]}, InputError,
         "validation.jsonl: Expected one label a text"),
    ],
)  # fmt: skip
def test_mistakes(plan, content, options, error, message):
    with pytest.raises(error, match=message):
        plan(content, **options)


def test_a_class_weight_file_with_unknown_labels(plan, tmp_path):
    weights = tmp_path / "w.csv"
    weights.write_text("label,weight\naa,3\n")
    with pytest.raises(InputError, match=r"w.csv: .*got one for 'aa'. Did you mean 'a'\?"):
        plan(TWO, class_weight=str(weights))


def test_standard_input_is_read_once(tmp_path, monkeypatch):
    from embedsvc.jobs.label_columns import LabelColumns
    from embedsvc.jobs.labelled_reading import LabelledReading

    reading = LabelledReading(LabelColumns(("label",)), format="csv")
    with pytest.raises(InputError, match="got it for several. Save the others to files"):
        plan_training(["-"], tmp_path / "model", reading=reading, test=["-"])
