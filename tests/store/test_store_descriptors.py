"""Saved descriptors: the same vectors again, and folders that are broken or made to harm."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file
from tiny_pairs import CROP, blobs, small_descriptor, write_pictures

import embedsvc
from embedsvc.cli.main import main
from embedsvc.encoders import descriptor_folder
from embedsvc.encoders.descriptor_layout import is_descriptor_folder
from embedsvc.errors import ArtifactError, InputError, NotFittedError, OutputError
from embedsvc.pairs.views import Views
from embedsvc.store.descriptors import load_descriptor, read_descriptor_about, save_descriptor

IMAGE = blobs(50)
POINTS = np.random.default_rng(0).uniform(0, 95, (12, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    source = write_pictures(tmp_path_factory.mktemp("pictures"), 2)
    return small_descriptor(views=Views((0.0, 20.0), (1.0,))).fit(source)


@pytest.fixture
def folder(fitted, tmp_path):
    save_descriptor(fitted, tmp_path / "saved", extra={"site": "north"})
    return tmp_path / "saved"


def change(folder, **changes):
    path = folder / "model.json"
    about = json.loads(path.read_text())
    for name, value in changes.items():
        table, _, key = name.rpartition("__")
        target = about
        for part in table.split("__") if table else ():
            target = target[part]
        target[key] = value
    path.write_text(json.dumps(about))


def test_the_same_vectors_again(fitted, folder):
    loaded = load_descriptor(folder)
    np.testing.assert_array_equal(loaded.describe(IMAGE, POINTS), fitted.describe(IMAGE, POINTS))
    assert loaded.name == "saved"
    assert loaded.get_params()["crop"] == CROP
    assert loaded.get_params() == fitted.get_params()
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "weights.safetensors"]
    about = read_descriptor_about(folder)
    assert (about["extra"], about["network"]["dim"]) == ({"site": "north"}, 16)


def test_saved_again_it_is_the_same(folder, tmp_path):
    save_descriptor(load_descriptor(folder), tmp_path / "again")
    one, other = (load_file(path / "weights.safetensors") for path in (folder, tmp_path / "again"))
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_as_an_encoder_of_whole_images(folder, tmp_path):
    assert is_descriptor_folder(folder)
    encoder = embedsvc.load_encoder(str(folder), size=(64, 96))
    images = [blobs(seed) for seed in range(3)]
    vectors = encoder.encode(images)
    assert vectors.shape == (3, 16)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(images[1:2])[0], vectors[1], atol=1e-5)
    assert encoder.describe()["model"] == "saved"
    # The mean of the dense map.
    loaded = load_descriptor(folder)
    square = embedsvc.load_encoder(folder, size=(96, 120))
    mean = loaded.dense(IMAGE).reshape(-1, 16).mean(axis=0)
    np.testing.assert_allclose(square.encode([IMAGE])[0], mean / np.linalg.norm(mean), atol=1e-4)


def test_extract_takes_the_folder(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "pictures", 3)
    arguments = ["extract", "pictures", "--model", "saved", "-o", "out.parquet"]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    table = embedsvc.read_vectors("out.parquet")
    assert table.vectors.shape == (3, 16)


def test_functions_are_left_out_and_named(fitted, tmp_path):
    odd = small_descriptor(activity_penalties={"stride4": lambda outputs: 0.0})
    odd.history_, odd.best_epoch_ = (), 0
    odd.set_network(fitted.network_)
    save_descriptor(odd, tmp_path / "saved")
    assert "activity_penalties" in load_descriptor(tmp_path / "saved").notes_[0]


def test_nothing_learned_and_places_that_are_taken(fitted, folder, tmp_path):
    with pytest.raises(NotFittedError, match="has learned nothing"):
        save_descriptor(small_descriptor(), tmp_path / "none")
    with pytest.raises(OutputError):
        save_descriptor(fitted, folder)
    save_descriptor(fitted, folder, overwrite=True)
    with pytest.raises(InputError):
        save_descriptor(fitted, tmp_path / "x", extra={"a": object()})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"what": "anomaly-detector"}, "what"),
        ({"format": 99}, "format 1 or older"),
        ({"network__backbone": "evil"}, "backbone out of"),
        ({"network__backbone": []}, "backbone out of"),
        ({"network__taps": ["stride2", "stride2"]}, "different taps"),
        ({"network__taps": "stride2"}, "different taps"),
        ({"network__dim": 10**9}, "dim from 2 to 4096"),
        ({"network__dim": 8}, "head/project/kernel"),
        ({"network": None}, "Expected network"),
        ({"settings__epochs": "many"}, "epochs"),
        ({"settings__surprise": 1}, "surprise"),
        ({"settings__views__rotations": [1e9]}, "rotations"),
        ({"settings__views__rotations": "0"}, "rotations"),
        ({"settings__crop__size": 7}, "size"),
        ({"settings__crop__warp__scale": 99}, "scale"),
        ({"settings__crop": 5}, "crop"),
        ({"weights__sha256": "0" * 64}, "weights"),
        ({"best_epoch": "one"}, "best_epoch"),
    ],
)
def test_changed_facts_are_refused(folder, changes, message):
    change(folder, **changes)
    with pytest.raises(ArtifactError, match=message):
        load_descriptor(folder)


def test_changed_weights_are_refused(folder):
    path = folder / "weights.safetensors"
    tensors = load_file(path)
    cases = [
        {**tensors, "head/project/bias": np.full(16, np.nan, np.float32)},
        {**tensors, "head/project/bias": np.zeros(15, np.float32)},
        {**tensors, "head/project/bias": np.zeros(16, np.float16)},
        {name: one for name, one in tensors.items() if name != "head/project/bias"},
    ]
    for case in cases:
        save_file(case, path)
        with pytest.raises(ArtifactError):
            load_descriptor(folder)
        with pytest.raises(ArtifactError, match="head/project/bias"):
            embedsvc.load_encoder(folder)
    path.write_bytes(b"nothing")
    with pytest.raises(ArtifactError):
        load_descriptor(folder)
    path.unlink()
    with pytest.raises(ArtifactError):
        load_descriptor(folder)


def test_weights_too_large_to_be_any_are_not_read(folder, monkeypatch):
    monkeypatch.setattr(descriptor_folder, "_MOST_BYTES", 1000)
    with pytest.raises(ArtifactError, match="at most 1.0 kB"):
        embedsvc.load_encoder(folder)


def test_a_folder_of_something_else(tmp_path):
    with pytest.raises(ArtifactError, match="saved descriptor"):
        load_descriptor(tmp_path)
    assert not is_descriptor_folder(tmp_path)
    (tmp_path / "model.json").write_text("[]")
    assert not is_descriptor_folder(tmp_path)
    with pytest.raises(ArtifactError):
        load_descriptor(tmp_path)
