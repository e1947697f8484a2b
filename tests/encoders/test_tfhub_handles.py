"""Handles of TF-Hub models, and which preprocess model belongs to which encoder."""

from pathlib import Path

import pytest

from embedsvc.encoders.tfhub_handles import Source, is_tfhub_handle, parse_handle
from embedsvc.errors import InputError

DEV = "https://tfhub.dev/"
KAGGLE = "https://www.kaggle.com/models/"
UNCASED = "tensorflow/bert_en_uncased_preprocess/3"


@pytest.fixture
def pair_folder(tmp_path: Path) -> Path:
    for name in ("encoder", "preprocess"):
        (tmp_path / "mine" / name).mkdir(parents=True)
    return tmp_path / "mine"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("tfhub:a/b/1", True),
        ("kaggle:a/b/c/d/1", True),
        ("tfhub:", True),
        ("minilm", False),
        ("huggingface:a/b", False),
        (Path("tfhub:x"), False),
    ],
)
def test_is_tfhub_handle(model, expected):
    assert is_tfhub_handle(model) is expected


@pytest.mark.parametrize(
    ("encoder", "preprocess"),
    [
        ("tensorflow/small_bert/bert_en_uncased_L-2_H-128_A-2/2", UNCASED),
        ("tensorflow/bert_en_uncased_L-12_H-768_A-12/4", UNCASED),
        ("tensorflow/bert_en_wwm_uncased_L-24_H-1024_A-16/4", UNCASED),
        ("tensorflow/bert_en_cased_L-12_H-768_A-12/4", "tensorflow/bert_en_cased_preprocess/3"),
        (
            "tensorflow/bert_en_wwm_cased_L-24_H-1024_A-16/4",
            "tensorflow/bert_en_cased_preprocess/3",
        ),
        (
            "tensorflow/bert_multi_cased_L-12_H-768_A-12/4",
            "tensorflow/bert_multi_cased_preprocess/3",
        ),
        ("tensorflow/bert_zh_L-12_H-768_A-12/4", "tensorflow/bert_zh_preprocess/3"),
        ("tensorflow/albert_en_xxlarge/3", "tensorflow/albert_en_preprocess/3"),
        ("tensorflow/talkheads_ggelu_bert_en_base/2", UNCASED),
        ("google/electra_small/2", UNCASED),
        ("google/experts/bert/pubmed/2", UNCASED),
        ("google/universal-sentence-encoder-cmlm/en-base/1", UNCASED),
        ("google/LaBSE/2", "google/universal-sentence-encoder-cmlm/multilingual-preprocess/2"),
        ("google/MuRIL/1", "google/MuRIL_preprocess/1"),
    ],
)
def test_known_pairs_of_tfhub(encoder: str, preprocess: str):
    for model in (f"tfhub:{encoder}", f"tfhub:{DEV}{encoder}"):
        pair = parse_handle(model)
        assert pair.name == model
        assert pair.encoder == Source("url", DEV + encoder)
        assert pair.preprocess == Source("url", DEV + preprocess)


@pytest.mark.parametrize(
    ("encoder", "preprocess"),
    [
        ("bert-en-uncased-l-4-h-256-a-4/2", "en-uncased-preprocess/3"),
        ("en-uncased-l-12-h-768-a-12/4", "en-uncased-preprocess/3"),
        ("en-cased-l-12-h-768-a-12/4", "en-cased-preprocess/3"),
        ("multi-cased-l-12-h-768-a-12/3", "multi-cased-preprocess/3"),
    ],
)
def test_known_pairs_of_kaggle(encoder: str, preprocess: str):
    family = "tensorflow/bert/tensorFlow2"
    for model in (f"kaggle:{family}/{encoder}", f"tfhub:kaggle:{family}/{encoder}"):
        pair = parse_handle(model)
        assert pair.encoder == Source("kaggle", f"{family}/{encoder}")
        assert pair.preprocess == Source("kaggle", f"{family}/{preprocess}")
    pair = parse_handle(f"tfhub:{KAGGLE}{family}/{encoder}")
    assert pair.preprocess == Source("url", f"{KAGGLE}{family}/{preprocess}")


def test_the_long_addresses_of_kaggle():
    variation = "tensorflow/bert/frameworks/TensorFlow2/variations/bert-en-uncased-l-4-h-512-a-8"
    pair = parse_handle(f"tfhub:{KAGGLE}{variation}/versions/1")
    assert pair.encoder.address == f"{KAGGLE}{variation}/versions/1"
    expected = f"{KAGGLE}tensorflow/bert/TensorFlow2/en-uncased-preprocess/3"
    assert pair.preprocess == Source("url", expected)


def test_other_hosts_of_the_hub():
    host = "https://hub.tensorflow.google.cn/"
    pair = parse_handle(
        f"tfhub:{host}tensorflow/bert_zh_L-12_H-768_A-12/4?tf-hub-format=compressed"
    )
    assert pair.preprocess.address == f"{host}tensorflow/bert_zh_preprocess/3"


def test_a_given_preprocess_model_wins():
    pair = parse_handle("tfhub:google/electra_small/2+somebody/else_preprocess/1")
    assert pair.preprocess == Source("url", DEV + "somebody/else_preprocess/1")


def test_a_folder_with_both(pair_folder: Path):
    pair = parse_handle(f"tfhub:{pair_folder}")
    assert pair.name == "mine"
    assert pair.encoder == Source("folder", str(pair_folder / "encoder"))
    assert pair.preprocess == Source("folder", str(pair_folder / "preprocess"))


def test_two_folders(pair_folder: Path):
    pair = parse_handle(f"tfhub:{pair_folder / 'encoder'}+{pair_folder / 'preprocess'}")
    assert pair.name == "encoder"
    assert pair.preprocess == Source("folder", str(pair_folder / "preprocess"))


def test_a_name_holds_no_path(pair_folder: Path):
    pair = parse_handle(f"tfhub:google/electra_small/2+{pair_folder / 'preprocess'}")
    assert pair.name == "tfhub:google/electra_small/2"


def test_a_relative_folder_is_a_folder(pair_folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(pair_folder.parent)
    assert parse_handle("tfhub:mine").encoder.kind == "folder"


def test_half_a_folder(tmp_path: Path):
    (tmp_path / "encoder").mkdir()
    with pytest.raises(InputError, match="found no preprocess. Pass a folder that has them"):
        parse_handle(f"tfhub:{tmp_path}")


@pytest.mark.parametrize(
    "model",
    ["tfhub:", "tfhub:bert", "tfhub:./missing", "tfhub:a/b", "tfhub:../a/1", "tfhub:+a/b/1"],
)
def test_no_folder_and_no_handle(model: str):
    with pytest.raises(InputError, match="is no existing folder and no handle with a version"):
        parse_handle(model)


@pytest.mark.parametrize("handle", ["a/b/c/d", "a/b/1", "a/b/c/d/latest", "a/b/../d/1/2"])
def test_kaggle_needs_all_five_parts(handle: str):
    with pytest.raises(InputError, match="OWNER/MODEL/FRAMEWORK/VARIATION/VERSION"):
        parse_handle(f"kaggle:{handle}")


@pytest.mark.parametrize(
    "model",
    [
        "tfhub:somebody/my_bert/1",
        "tfhub:https://example.com/my_bert.tar.gz",
        "kaggle:somebody/bert/tensorFlow2/mine/1",
        "tfhub:tensorflow/bert_en_uncased_preprocess/3",
    ],
)
def test_an_unknown_encoder_needs_its_preprocess_model(model: str):
    with pytest.raises(InputError, match="Expected a preprocess model behind a"):
        parse_handle(model)


def test_a_local_encoder_needs_its_preprocess_model(pair_folder: Path):
    with pytest.raises(InputError, match=r"no encoder and no preprocess.*ENCODER\+PREPROCESS"):
        parse_handle(f"tfhub:{pair_folder / 'encoder'}")


def test_two_plus_signs():
    with pytest.raises(InputError, match="Expected one \\+ between"):
        parse_handle("tfhub:a/b/1+c/d/1+e/f/1")
