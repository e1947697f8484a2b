"""Labels, and the images they mean."""

from pathlib import Path

import pytest

from embedsvc.datasets.labels import apply_labels, is_normal_name, label_of, read_labels
from embedsvc.datasets.tables import Row
from embedsvc.errors import InputError
from embedsvc.images.records import ImageRecord


@pytest.fixture
def write(tmp_path):
    def write(content, name="labels.csv"):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return write


def record(name, **known):
    return ImageRecord(path=Path("/data/set", name), name=name, **known)


@pytest.mark.parametrize(
    ("words", "label"),
    [
        (["0", "good", "Normal", "OK", "false", "False", 0, 0.0, False], 0),
        (["1", "bad", "anomaly", "Anomalous", "defect", "NG", "TRUE", 1, 1.0, True], 1),
        (["", "  ", None, float("nan")], None),
    ],
)
def test_words_for_labels(words, label):
    assert [label_of(Row(Path("t.csv"), 2, {"label": word})) for word in words] == [
        label for _ in words
    ]


@pytest.mark.parametrize("word", ["maybe", "2", 0.5, "-1", "none"])
def test_a_word_that_is_no_label(word):
    with pytest.raises(InputError, match=r"Expected a label, got '.*' in t.csv, line 2. Write 0"):
        label_of(Row(Path("t.csv"), 2, {"label": word}))


def test_names_for_normal():
    assert [is_normal_name(name) for name in ("good", "OK", "Normal", "ko", "goods")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("column", ["path", "name", "image", "Image"])
def test_reading(write, column):
    path = write(f"{column},label\na.png,good\nb.png,\nc.png,1\na.png,0\n")
    assert read_labels(path) == {"a.png": 0, "c.png": 1}
    assert read_labels(str(path)) == {"a.png": 0, "c.png": 1}


def test_the_path_goes_before_the_name(write):
    assert read_labels(write("name,path,label\na,b,1\n")) == {"b": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,label\na,1\n", "Expected a column 'path' or 'name' or 'image'"),
        ("path,lable\na,1\n", "Expected a column 'label' .* Is 'lable' meant to be 'label'?"),
        ("path,label\na,1\n,1\n", "got nothing in .*labels.csv, line 3"),
        ("path,label\na,1\na,0\n", "one label for 'a', got 0 and 1: the second in .*line 3"),
        ("path,label\na,perhaps\n", "got 'perhaps' in .*labels.csv, line 2"),
        ("path,label\na,\n", "at least one label in .*labels.csv, got none"),
    ],
)
def test_labels_that_cannot_be_read(write, content, message):
    with pytest.raises(InputError, match=message):
        read_labels(write(content))


@pytest.mark.parametrize(
    "name",
    ["test/crack/1.png", "/data/set/test/crack/1.png", "crack/1.png", "set/test/crack/1.png"],
)
def test_an_image_is_meant_by_name_path_or_end_of_its_path(name):
    records = [record("test/crack/1.png"), record("test/hole/1.png"), record("2.png")]
    labelled = apply_labels(records, {name: 1, "2.png": 0}, source="labels.csv")
    assert [one.label for one in labelled] == [1, None, 0]
    assert labelled[1] is records[1]
    assert records[0].label is None


def test_paths_relative_to_the_table(monkeypatch, tmp_path):
    records = [ImageRecord(path=tmp_path / "in" / "a.png", name="renamed.png")]
    source = tmp_path / "tables" / "labels.csv"
    assert apply_labels(records, {"../in/a.png": 1}, source=source)[0].label == 1
    monkeypatch.chdir(tmp_path / "..")
    assert apply_labels(records, {f"{tmp_path.name}/in/a.png": 1}, source="x/l.csv")[0].label == 1


def test_a_name_wins_over_the_end_of_a_path():
    records = [record("1.png"), record("sub/1.png")]
    assert [one.label for one in apply_labels(records, {"1.png": 1}, source="l")] == [1, None]


def test_new_labels_replace_what_they_contradict():
    records = [
        record("a", label=1, defect="crack", mask=Path("m.png"), split="test", group="7"),
        record("b", label=0, defect="good"),
        record("c", label=1, defect="hole"),
        record("d", defect="hole"),
    ]
    a, b, c, d = apply_labels(records, {"a": 0, "b": 1, "c": 1, "d": 1}, source="l")
    assert a == record("a", label=0, defect="good", split="test", group="7")
    assert b == record("b", label=1)
    assert c is records[2]
    assert d == record("d", label=1, defect="hole")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"1.png": 1}, "Expected '1.png' in l.csv to mean one image, got 2: 'a/1.png', 'b/1.png'"),
        ({"same": 1}, "to mean one image, got 2"),
        ({"a/1.png": 1, "/data/set/a/1.png": 0}, "one label for 'a/1.png' in l.csv, got 0 and 1"),
        ({"3.png": 1, "a/1.png": 1}, "one of 4 images such as 'a/1.png', got 1 .*: '3.png'. Corr"),
        ({"c/1.png": 0}, "that name none: 'c/1.png'"),
        ({"png": 0, "": 0}, "that name none: 'png', ''"),
        ({f"{n}": 1 for n in range(7)}, "got 7 that name none: '0', '1', '2', '3', '4' and 2 more"),
    ],
)
def test_labels_that_mean_no_image_or_several(labels, message):
    records = [record("a/1.png"), record("b/1.png"), record("same"), record("same")]
    with pytest.raises(InputError, match=message):
        apply_labels(records, labels, source="l.csv")


def test_two_names_of_one_image_may_agree():
    (one,) = apply_labels([record("a/1.png")], {"a/1.png": 1, "1.png": 1}, source="l")
    assert one.label == 1


def test_no_images():
    assert apply_labels([], {}, source="l") == []
    with pytest.raises(InputError, match="one of 0 images, got 1"):
        apply_labels([], {"a": 1}, source="l")
