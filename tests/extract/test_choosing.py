"""Texts or images: what the inputs are, what the model takes, and what is said when they differ."""

import json
from pathlib import Path

import pytest

from embedsvc.datasets import walk
from embedsvc.errors import ArtifactError, InputError
from embedsvc.extract.choosing import IMAGE_ENDINGS, choose, kind_of_model


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("photos/a.jpg", "photos/b/c.PNG", "mixed/a.jpg", "mixed/b.csv", "texts/a.csv"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    for name in ("a.csv", "a.txt", "b.jsonl.gz", "c.parquet", "x.jpg", "y.TIFF", "odd[1].jpg"):
        Path(name).touch()


@pytest.mark.parametrize(
    ("inputs", "kind", "table"),
    [
        (["a.csv"], "texts", True),
        (["a.txt", "b.jsonl.gz", "c.parquet"], "texts", True),
        (["-"], "texts", True),
        (["texts/*.csv"], "texts", True),
        (["texts/*"], "texts", True),
        (["missing.csv"], "texts", True),
        (["missing"], "texts", True),
        (["*.nothing"], "texts", True),
        (["nothing*"], "texts", True),
        ([""], "texts", True),
        (["x" * 5000], "texts", True),
        (["photos"], "images", False),
        (["photos/"], "images", False),
        (["x.jpg", "y.TIFF"], "images", False),
        (["photos/*"], "images", False),
        (["photos/**/*"], "images", False),
        (["photos/*.jpg"], "images", False),
        (["photos/*.p*"], "texts", True),
        (["photos/b*"], "images", False),
        (["photos/b/*.[Pp]*"], "images", False),
        (["missing.jpg"], "images", False),
        (["odd[1].jpg"], "images", False),
        (["photos", "x.jpg"], "images", False),
    ],
)
def test_kinds_of_inputs(inputs, kind, table):
    choice = choose(inputs)
    assert (choice.kind.name, choice.table) == (kind, table)
    assert choice.model == {"texts": "minilm", "images": "efficientnet-lite0"}[kind]
    assert choose(inputs, model=choice.model) == choice


@pytest.mark.parametrize(
    "inputs", [["a.csv", "photos"], ["x.jpg", "-"], ["mixed/*"], ["mixed/*.*"], ["a.*", "x.*"]]
)
@pytest.mark.parametrize("model", [None, "minilm", "efficientnet-lite0"])
def test_mixtures_are_refused(inputs, model):
    with pytest.raises(InputError, match="either texts or images, got both") as caught:
        choose(inputs, model=model, column="path")
    assert "--model minilm is for texts, --model efficientnet-lite0 for images" in str(caught.value)


@pytest.mark.parametrize("model", ["minilm", "huggingface:a/b", "./folder"])
def test_images_with_a_text_model(model):
    with pytest.raises(
        InputError, match=f"'{model}' is a model of texts, got images: 'photos'"
    ) as e:
        choose(["photos"], model=model)
    assert "Use --model efficientnet-lite0, the default of images" in str(e.value)


@pytest.mark.parametrize("inputs", [["a.csv"], ["a.txt"], ["-"]])
def test_texts_with_an_image_model(inputs):
    with pytest.raises(InputError, match=f"is a model of images, got texts: '{inputs[0]}'") as e:
        choose(inputs, model="efficientnet-lite0")
    assert "Use --model minilm, the default of texts" in str(e.value)
    assert "--column PATH" in str(e.value)


def test_a_table_of_images():
    choice = choose(["a.csv"], model="efficientnet-lite0", column="path")
    assert (choice.kind.name, choice.model, choice.table) == ("images", "efficientnet-lite0", True)
    # Without an image model a column of paths is a column of texts.
    assert choose(["a.csv"], column="path").kind.name == "texts"
    with pytest.raises(InputError, match="got texts: '-'"):
        choose(["-"], model="efficientnet-lite0", column="path")


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("minilm", "texts"),
        ("efficientnet-lite0", "images"),
        ("keras:EfficientNetB0", "images"),
        ("huggingface:intfloat/e5-small", "texts"),
        ("tfhub:mine", "texts"),
        ("kaggle:a/b/c/d/1", "texts"),
        ("photos", "texts"),
        ("/no/such", "texts"),
    ],
)
def test_kinds_of_models(model, kind):
    assert kind_of_model(model).name == kind


def test_folders_tell_what_they_hold(tmp_path, monkeypatch):
    """A trained descriptor takes images, any other folder is a text model's."""
    for name, what in (("facades", "point-descriptor"), ("mymodel", "text-classifier")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.json").write_text(json.dumps({"what": what}))
    monkeypatch.chdir(tmp_path)
    assert [kind_of_model(name).name for name in ("facades", "./facades", "mymodel")] == [
        "images",
        "images",
        "texts",
    ]


def test_endings_are_those_that_are_found_in_folders():
    assert IMAGE_ENDINGS == walk.IMAGE_ENDINGS


def test_an_unknown_model():
    with pytest.raises(ArtifactError, match="Did you mean 'minilm'"):
        choose(["a.csv"], model="minlm")
