"""What many tests share: the real model, and tiny ones on the disk."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tiny_folders import write_tiny_bert

from embedsvc.catalogue.cards import get_model
from embedsvc.catalogue.pull import pull
from embedsvc.errors import OfflineError


@pytest.fixture(autouse=True)
def _away_from_the_checkout(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A test that writes to the working folder by mistake fails, and writes nowhere else."""
    folder = tmp_path_factory.mktemp("working-folder")
    monkeypatch.chdir(folder)
    yield
    if Path.cwd() == folder:
        assert not list(folder.iterdir()), "the test wrote to the working folder"


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    """The real weights, in the user's own cache."""
    try:
        return pull(get_model("minilm"))
    except OfflineError as err:
        pytest.skip(str(err))


@pytest.fixture(scope="session")
def minilm(minilm_folder: Path):
    """The real encoder. Do not change its settings."""
    del minilm_folder
    # TensorFlow takes seconds to import, which tests without it need not wait for.
    from embedsvc.encoders.registry import load_encoder

    return load_encoder("minilm")


@pytest.fixture(scope="session")
def lite0():
    """The real encoder of images. Do not change its settings."""
    from embedsvc.encoders.registry import load_encoder

    try:
        return load_encoder("efficientnet-lite0")
    except OfflineError as err:
        pytest.skip(str(err))


@pytest.fixture
def tiny_bert_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a tiny random BERT folder; takes the options of `write_tiny_bert`."""

    def write(name: str = "tiny-bert", **options) -> Path:
        return write_tiny_bert(tmp_path / name, **options)

    return write


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory):
    """A tiny encoder with mean pooling, not normalized. Do not change its settings."""
    from embedsvc.encoders.registry import load_encoder

    return load_encoder(write_tiny_bert(tmp_path_factory.mktemp("models") / "tiny"))
