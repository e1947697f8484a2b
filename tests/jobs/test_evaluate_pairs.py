"""What `pairs evaluate` measures, and with what."""

import pytest

from embedsvc.errors import ArtifactError, InputError
from embedsvc.jobs import evaluate_pairs as job
from embedsvc.pairs.packed import PackedPairs

ABOUT = PackedPairs(None, 30, 10, 10, 10, 64, {"graf": 2, "bikes": 1}, (), {})


def test_sequences_are_chosen_in_the_order_of_the_data():
    assert job.chosen_sequences(ABOUT, None) == {"graf": 2, "bikes": 1}
    assert job.chosen_sequences(ABOUT, ["bikes", "graf", "bikes"]) == {"graf": 2, "bikes": 1}
    assert job.chosen_sequences(ABOUT, ["bikes"]) == {"bikes": 1}


@pytest.mark.parametrize(("names", "got"), [(["wall"], "'wall'"), ([""], "''"), ([], "none")])
def test_sequences_that_are_not_there(names, got):
    with pytest.raises(InputError, match=f"got {got}. It has graf, bikes"):
        job.chosen_sequences(ABOUT, names)


def test_describers_are_named_once_and_not_loaded(tmp_path):
    (tmp_path / "model.json").write_text("{}")
    folder = str(tmp_path)
    found = job.choose_describers(
        [f"{folder}/", folder, "orb"], "efficientnet-lite0", ["raw", "orb"]
    )
    assert list(found) == [folder, "orb", "efficientnet-lite0", "raw"]
    assert found["raw"]().name == "raw patch, 32 px"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((["nothing"], None, []), InputError, "model that describes points"),
        (([], "minilm", []), InputError, "model for texts"),
        (([], None, ["sift", "surf"]), InputError, "or none, got 'surf'"),
        (([], None, [""]), InputError, "got ''"),
        (([], None, []), InputError, "Name a --model"),
    ],
)
def test_describers_that_are_not_there(arguments, error, message):
    with pytest.raises(error, match=message):
        job.choose_describers(*arguments)


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(ArtifactError, match="trained descriptor"):
        job.choose_describers([str(tmp_path)], None, [])
