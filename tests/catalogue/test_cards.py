import re
from pathlib import Path

import pytest

from embedsvc.catalogue import cards
from embedsvc.errors import ArtifactError, InputError


def test_the_real_cards_parse():
    models = {card.name: card for card in cards.list_models()}
    assert {"minilm", "efficientnet-lite0"} <= models.keys()
    assert models["minilm"].kind == "text"
    assert (models["minilm"].dim, models["minilm"].max_tokens) == (384, 256)
    assert models["minilm"].input_size is None
    lite = models["efficientnet-lite0"]
    assert (lite.kind, lite.dim, lite.input_size, lite.batch_norm_epsilon) == (
        "image",
        1280,
        224,
        1e-3,
    )
    assert lite.max_tokens is None
    assert lite.golden is not None


@pytest.mark.parametrize("card", cards.list_models(), ids=lambda card: card.name)
def test_every_real_card_pins_everything(card):
    pins = [card.source.wheel_sha256]
    for file in card.source.files:
        pins += [file.sha256, file.cached_sha256]
    assert all(re.fullmatch("[0-9a-f]{64}", pin) for pin in pins)
    assert re.fullmatch(r"[^=]+==[^=]+", card.source.requirement)
    assert card.bytes == sum(file.cached_bytes for file in card.source.files)
    assert "model.safetensors" in {file.path for file in card.source.files}


def test_get_model_finds_one():
    assert cards.get_model("minilm").title == "all-MiniLM-L6-v2"


def test_an_unknown_name_lists_the_names_and_guesses():
    with pytest.raises(InputError, match=r"efficientnet-lite0, minilm.*Did you mean 'minilm'\?"):
        cards.get_model("MiniLN")
    with pytest.raises(InputError) as caught:
        cards.get_model("../minilm")
    assert "'../minilm'" in str(caught.value)
    with pytest.raises(InputError) as caught:
        cards.get_model("zzzzzz")
    assert "Did you mean" not in str(caught.value)


def test_a_toy_card_reads_back(toy):
    card = toy.card
    assert card.name == "toy-model"
    assert card.golden is None
    assert [file.path for file in card.source.files] == [
        "config.json",
        "1_Pooling/config.json",
        "model.safetensors",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dim = 2\n", "", "'dim'.*of type int, got nothing: the key is missing"),
        ("dim = 2", "dim = true", "'dim'.*of type int, got True"),
        ("dim = 2", 'dim = "2"', "'dim'.*of type int, got '2'"),
        ("dim = 2", "dim = 0", "'dim'.*at least 1, got 0"),
        ("dim = 2", "dim = 2\ncolour = 3", "only known keys.*'colour'"),
        ("dim = 2", "dim = 2\ninput_size = 3", "only known keys.*'input_size'"),
        ('kind = "text"', 'kind = "sound"', "'kind'.*one of text, image, got 'sound'"),
        ('"mean"', '"max"', "'pooling'.*one of mean, cls, got 'max'"),
        ('"toy-model"', '"other"', "'name'.*name of its folder, 'toy-model', got 'other'"),
        ('"toy-model"', '"Toy.Model"', "'name'.*text that matches"),
        ('"Toy"', '""', "'title'.*not empty"),
        ("references = []", "references = [1]", "'references'.*a list of texts"),
        ('"pypi"', '"ftp"', r"'source\.type'.*one of pypi, got 'ftp'"),
        ("==1.0", ">=1.0", r"'source\.requirement'.*text that matches"),
        ("wheel_bytes", "bytes", r"'source\.wheel_bytes'.*missing"),
        ('path = "config.json"', 'path = "../x"', r"'source\.files\[0\]\.path'.*relative path"),
        ('path = "config.json"', 'path = "/x"', "relative path"),
        ('path = "config.json"', "path = 'c:\\x'", "relative path"),
        ('path = "config.json"', 'path = "model.safetensors"', "different path for each file"),
        ('path = "config.json"', 'path = "x"\nmode = 1', r"'source\.files\[0\]\.mode'"),
        ('path = "config.json"', 'path = "x"\nconvert = "gzip"', r"convert'.*one of torch-legacy"),
        (
            'path = "config.json"',
            'path = "x"\nconvert = "torch-legacy-to-safetensors"',
            r"converted_sha256'.*missing",
        ),
        ('sha256 = "', 'sha256 = "g', r"sha256'.*text that matches"),
    ],
)
def test_a_broken_card_names_the_file_and_the_key(toy, old, new, message):
    with pytest.raises(ArtifactError, match=message) as caught:
        toy.edit(old, new)
    assert str(toy.toml) in str(caught.value)


def test_no_files_is_refused(toy):
    text = toy.toml.read_text()
    toy.toml.write_text(text[: text.index("[[source.files]]")] + "files = []\n")
    with pytest.raises(ArtifactError, match=r"'source\.files'.*at least one"):
        _ = toy.card


@pytest.mark.parametrize("content", [b"name = ", b"\xff"])
def test_no_toml_is_refused(toy, content):
    toy.toml.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"model card in TOML in .*model\.toml"):
        _ = toy.card


def test_a_missing_card_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match=r"model\.toml"):
        cards.read_card(tmp_path)


def test_the_catalogue_is_found_inside_an_installed_package(tmp_path, monkeypatch):
    module = tmp_path / "embedsvc" / "catalogue" / "cards.py"
    monkeypatch.setattr(cards, "__file__", str(module))
    with pytest.raises(ArtifactError, match="found neither. Install embedsvc again"):
        cards.catalogue_folder()
    (tmp_path / "models").mkdir()
    assert cards.catalogue_folder() == tmp_path / "models"
    (tmp_path / "embedsvc" / "_models").mkdir(parents=True)
    assert cards.catalogue_folder() == tmp_path / "embedsvc" / "_models"


def test_the_repository_catalogue_is_used_in_a_checkout():
    assert isinstance(cards.catalogue_folder(), Path)
    assert (cards.catalogue_folder() / "minilm" / "model.toml").is_file()
