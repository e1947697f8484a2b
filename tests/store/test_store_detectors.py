"""Detectors on the disk: the layout, and folders that are not what they claim to be.

That every kind of detector survives the way is in tests/detectors/test_detector_contract.py.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import embedsvc
from embedsvc.detectors.gaussian import Gaussian
from embedsvc.detectors.hog import Hog
from embedsvc.detectors.learned import Learned
from embedsvc.detectors.patchcore import PatchCore
from embedsvc.errors import ArtifactError, InputError, NotFittedError, OutputError
from embedsvc.files import sha256_of
from embedsvc.store.arrays import read_arrays, write_arrays
from embedsvc.store.detectors import load_detector, read_about, save_detector

PICTURES = np.random.default_rng(0).integers(0, 255, (20, 32, 32, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def detector() -> Hog:
    return Hog(size=(32, 40), cell=8, folds=2).fit(PICTURES)


@pytest.fixture
def folder(detector: Hog, tmp_path: Path) -> Path:
    save_detector(detector, tmp_path / "hog", extra={"line": 3})
    return tmp_path / "hog"


Change = Callable[[dict[str, Any]], object]


def change(folder: Path, how: Change) -> None:
    """Edit model.json."""
    about = json.loads((folder / "model.json").read_text())
    how(about)
    (folder / "model.json").write_text(json.dumps(about))


def change_arrays(folder: Path, how: Change) -> None:
    """Edit the arrays, and what model.json says of their file."""
    path = folder / "state.safetensors"
    arrays = read_arrays(path)
    how(arrays)
    write_arrays(path, arrays)
    fresh = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    change(folder, lambda about: about.update(state=fresh))


# The layout


def test_the_folder_says_what_it_is(detector: Hog, folder: Path):
    assert {path.name for path in folder.iterdir()} == {"model.json", "state.safetensors"}
    about = read_about(folder)
    trained_at = datetime.fromisoformat(about.pop("trained_at"))
    assert trained_at.utcoffset().total_seconds() == 0
    assert abs((datetime.now(UTC) - trained_at).total_seconds()) < 600
    assert about.pop("fit_seconds") > 0
    assert about == {
        "format": 1,
        "what": "anomaly-detector",
        "kind": "hog",
        "embedsvc": embedsvc.__version__,
        "settings": {
            "nu": 0.1,
            "cell": 8,
            "size": [32, 40],
            "resize": "stretch",
            "lighting": "keep",
            "tiles": 1,
            "false_alarm_rate": None,
            "folds": 2,
            "seed": 0,
        },
        "calibration": {
            "threshold": detector.threshold_,
            "false_alarm_rate": 0.05,
            "about": detector.calibration_.about,
        },
        "map_range": None,
        "input": {
            "height": 32,
            "width": 40,
            "resize": "stretch",
            "lighting": "keep",
            "tiles": 1,
        },
        "backbone": {},
        "n_images": 20,
        "state": {
            "bytes": (folder / "state.safetensors").stat().st_size,
            "sha256": sha256_of(folder / "state.safetensors"),
        },
        "extra": {"line": 3},
    }
    assert set(read_arrays(folder / "state.safetensors")) == {
        *(f"state.{name}" for name in detector.state_),
        "calibration.scores",
        "training.descriptors",
        "training.suspects",
    }


def test_loaded_and_saved_again_it_is_the_same(detector: Hog, folder: Path, tmp_path: Path):
    loaded = load_detector(str(folder))
    assert loaded.get_params() == detector.get_params()
    assert loaded.calibration_.about == detector.calibration_.about
    np.testing.assert_array_equal(loaded.suspects_, detector.suspects_)
    np.testing.assert_array_equal(loaded.anomaly_score(PICTURES), detector.anomaly_score(PICTURES))
    save_detector(loaded, tmp_path / "again", extra={"line": 3})
    for name in ("model.json", "state.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_numbers_of_numpy_and_lists_are_settings_too(tmp_path: Path):
    settings = {"size": [np.int64(32), 40], "nu": np.float32(0.25), "folds": np.int8(2)}
    save_detector(Hog(cell=8, **settings).fit(PICTURES), tmp_path / "a")
    loaded = load_detector(tmp_path / "a")
    assert loaded.get_params()["size"] == (32, 40)
    assert loaded.get_params()["nu"] == 0.25


# Saving


def test_what_cannot_be_saved(detector: Hog, tmp_path: Path):
    class Own(Hog):
        pass

    with pytest.raises(NotFittedError, match=r"fit\(images\)"):
        save_detector(Hog(), tmp_path / "a")
    own = Own(size=32, cell=8, folds=2).fit(PICTURES)
    with pytest.raises(InputError, match="got a Own: classes of your own"):
        save_detector(own, tmp_path / "a")
    with pytest.raises(InputError, match="Expected extra that JSON can hold"):
        save_detector(detector, tmp_path / "a", extra={"score": float("nan")})
    changed = Hog(size=(32, 40), cell=8, folds=2).fit(PICTURES).set_params(cell="8")
    with pytest.raises(InputError, match="Expected cell to be a whole number"):
        save_detector(changed, tmp_path / "a")
    changed.set_params(cell=4)
    with pytest.raises(ArtifactError, match="a black picture gave"):
        save_detector(changed, tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_a_detector_is_replaced_on_request(detector: Hog, folder: Path):
    with pytest.raises(OutputError, match="overwrite=True"):
        save_detector(detector, folder)
    save_detector(detector, folder, extra={"line": 4}, overwrite=True)
    assert read_about(folder)["extra"] == {"line": 4}
    (folder / "mine.txt").touch()
    with pytest.raises(OutputError, match=r"mine\.txt"):
        save_detector(detector, folder, overwrite=True)


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="the administrator may write everywhere"
)
def test_a_folder_that_cannot_be_written(detector: Hog, tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        save_detector(detector, tmp_path / "a")
    tmp_path.chmod(0o700)


# Loading what is not right


def test_folders_that_are_no_detector(folder: Path, tmp_path: Path):
    for nothing in (tmp_path / "missing", tmp_path):
        with pytest.raises(ArtifactError, match=r"got .* without model\.json"):
            load_detector(nothing)
    change(folder, lambda about: about.update(what="text-classifier"))
    with pytest.raises(ArtifactError, match="what = 'anomaly-detector' .*got 'text-classifier'"):
        load_detector(folder)
    (folder / "model.json").write_text("{")
    with pytest.raises(ArtifactError, match="readable JSON"):
        load_detector(folder)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda a: a.update(format=2, embedsvc="9.0"), "format 1 .*got 2.*'9.0'.*Update embedsvc"),
        (lambda a: a.update(format=0), "format in .* to be from 1 to 1, got 0"),
        (lambda a: a.update(format="1"), "format in .* a whole number, got '1'"),
        (lambda a: a.pop("format"), "Expected format in"),
        (lambda a: a.update(kind="magic"), "kind .* one of ocsvm, .*got 'magic'"),
        (lambda a: a.update(kind=["hog"]), r"kind .* a text, got \['hog'\]"),
        (lambda a: a.update(kind="__class__"), "kind .* one of"),
        (lambda a: a.pop("settings"), "Expected settings in .* got none"),
        (lambda a: a.update(settings=[]), "settings in .* an object"),
        (lambda a: a["settings"].pop("cell"), r"Expected settings\.cell in .*got none"),
        (lambda a: a["settings"].update(cells=8), r"settings of hog .*cell.*got 'cells'"),
        (lambda a: a["settings"].update(cell="8"), r"settings\.cell .* a whole number, got '8'"),
        (lambda a: a["settings"].update(cell=True), r"settings\.cell .* a whole number, got True"),
        (lambda a: a["settings"].update(nu=None), r"settings\.nu .* a number, got None"),
        (lambda a: a["settings"].update(nu=7), r"model\.json: Expected nu above 0"),
        (lambda a: a["settings"].update(size=[32]), r"settings\.size .*got \(32,\)"),
        (lambda a: a["settings"].update(size=10**6), "Expected a height and width from 1 to"),
        (lambda a: a["settings"].update(seed=10**30), r"settings\.seed .* a whole number"),
        (lambda a: a["settings"].update(resize="x"), "Expected resize to be one of"),
        (lambda a: a["input"].update(width=32), r"Expected input\.width = 32, .*got 40"),
        (lambda a: a["backbone"].update(model="x"), r"Expected backbone\.model = 'x', .*got None"),
        (lambda a: a.pop("backbone"), "Expected backbone in"),
        (lambda a: a.pop("calibration"), "Expected calibration in"),
        (lambda a: a["calibration"].pop("threshold"), r"Expected calibration\.threshold in"),
        (lambda a: a["calibration"].update(threshold=None), r"calibration\.threshold .* a number"),
        (lambda a: a["calibration"].update(false_alarm_rate=1.5), "between 0 and 1, got 1.5"),
        (lambda a: a["calibration"].update(about=3), r"calibration\.about .* a text"),
        (lambda a: a.update(n_images="20"), "n_images in .* a whole number"),
        (lambda a: a.update(trained_at="yesterday"), "trained_at .* a date and time"),
        (lambda a: a.update(fit_seconds="fast"), "fit_seconds .* a number"),
        (lambda a: a.pop("state"), "Expected state in"),
        (lambda a: a["state"].update(sha256="0" * 64), "and the sha256 '000"),
        (lambda a: a["state"].update(bytes=5), "to have 5 bytes"),
    ],
)
def test_wrong_settings_are_named(how: Change, message: str, folder: Path):
    change(folder, how)
    with pytest.raises(ArtifactError, match=message):
        load_detector(folder)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999"])
def test_thresholds_that_are_no_number(text: str, folder: Path):
    path = folder / "model.json"
    path.write_text(re.sub(r'"threshold": [^,]+', f'"threshold": {text}', path.read_text()))
    with pytest.raises(ArtifactError, match=f"{text}, which is no JSON"):
        load_detector(folder)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda a: a.pop("state.vectors"), "got a detector without vectors"),
        (lambda a: a.update({"state.more": np.zeros(1)}), "with an unknown more"),
        (lambda a: a.update(more=np.zeros(1)), "with an unknown more"),
        (lambda a: a.update({"state.mean": np.zeros(3)}), r"\(n_vectors, dim\) with .*dim = 3"),
        (lambda a: a.update({"state.mean": np.float64(3)}), r"mean of shape \(dim,\), got \(\)"),
        (lambda a: a.update({"state.offset": np.zeros(2)}), r"offset of shape \(1,\), got \(2,\)"),
        (lambda a: a.update({"state.weights": np.zeros(0)}), r"weights of shape .*got \(0,\)"),
        (
            lambda a: a.update(
                {
                    "state.mean": np.zeros(3),
                    "state.vectors": np.zeros_like(a["state.vectors"][:, :3]),
                }
            ),
            "a black picture gave: ",
        ),
        (lambda a: a.pop("calibration.scores"), "Expected calibration.scores .*got none"),
        (lambda a: a.update({"calibration.scores": np.zeros(0)}), "to be ascending numbers"),
        (lambda a: a.update({"calibration.scores": np.array([2.0, 1])}), "ascending"),
        (
            lambda a: a.update({"calibration.scores": np.zeros(3, np.float32)}),
            r"calibration.scores as float64 .*got float32 of shape \(3,\)",
        ),
        (lambda a: a.update({"training.descriptors": np.zeros(3, np.float32)}), "with 2 axes"),
        (lambda a: a.pop("training.suspects"), "training.suspects as int64"),
    ],
)
def test_wrong_arrays_are_named(how: Change, message: str, folder: Path):
    change_arrays(folder, how)
    with pytest.raises(ArtifactError, match=message):
        load_detector(folder)


def test_files_of_two_detectors_do_not_mix(folder: Path, tmp_path: Path):
    save_detector(Hog(size=(32, 40), cell=8, folds=2, nu=0.5).fit(PICTURES), tmp_path / "other")
    (tmp_path / "other" / "state.safetensors").replace(folder / "state.safetensors")
    with pytest.raises(ArtifactError, match="Copy both files again"):
        load_detector(folder)
    (folder / "state.safetensors").unlink()
    with pytest.raises(ArtifactError, match=r"state\.safetensors beside model\.json, got: No such"):
        load_detector(folder)


@pytest.mark.parametrize("place", [0, 10, 200, -1])
def test_a_changed_byte_is_noticed(place: int, folder: Path):
    path = folder / "state.safetensors"
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match="sha256"):
        load_detector(folder)


# Detectors with a backbone


class FakeNetwork:
    """The pixels themselves, every 8th of them."""

    channels: ClassVar[dict[str, int]] = {"fine": 3}

    def __init__(self, sha256: str = "a" * 64) -> None:
        self.sha256 = sha256

    def maps(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        return {"fine": pixels[:, ::8, ::8].astype(np.float32)}

    def describe(self) -> dict[str, Any]:
        return {"model": "fake", "model_sha256": self.sha256, "taps": ("fine",)}


def learn_by_hand(**settings: Any) -> PatchCore:
    detector = PatchCore(taps=["fine"], size=32, **settings)
    calibration = Hog(size=32, cell=8, folds=2).fit(PICTURES).calibration_
    detector.restore(
        Learned(
            state=detector._learn(detector._features(PICTURES), np.zeros(20, np.int64)),
            calibration=calibration,
            suspects=np.array([4, 2]),
            descriptors=np.zeros((20, 64), np.float32),
            map_range=(0.25, 4.0),
            n_images=20,
            trained_at="2026-01-31T12:00:00+00:00",
            fit_seconds=1.5,
        )
    )
    return detector


@pytest.fixture
def patchcore_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use(FakeNetwork(), monkeypatch)
    save_detector(learn_by_hand(), tmp_path / "patchcore")
    return tmp_path / "patchcore"


def use(network: FakeNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "embedsvc.detectors.patchcore.load_image_network", lambda model, taps: network
    )


def test_taps_maps_and_suspects(patchcore_folder: Path):
    loaded = load_detector(patchcore_folder)
    assert loaded.get_params()["taps"] == ("fine",)
    assert loaded.map_range_ == (0.25, 4.0)
    assert loaded.suspects_.tolist() == [4, 2]
    assert loaded.trained_at_ == "2026-01-31T12:00:00+00:00"
    assert loaded.fit_seconds_ == 1.5
    assert read_about(patchcore_folder)["backbone"]["taps"] == ["fine"]


def test_another_backbone_is_refused(patchcore_folder: Path, monkeypatch: pytest.MonkeyPatch):
    use(FakeNetwork("b" * 64), monkeypatch)
    with pytest.raises(ArtifactError, match=r"backbone\.model_sha256 = 'aaa.*got 'bbb.*train"):
        load_detector(patchcore_folder)


@pytest.mark.parametrize("map_range", [None, [1.0], [2.0, 1.0], [1.0, 1.0], "wide"])
def test_ranges_of_maps(map_range: object, patchcore_folder: Path):
    change(patchcore_folder, lambda about: about.update(map_range=map_range))
    with pytest.raises(ArtifactError, match="map_range in"):
        load_detector(patchcore_folder)


def test_a_state_that_divides_by_zero(patchcore_folder: Path):
    change_arrays(
        patchcore_folder, lambda arrays: arrays.update({"state.spread": np.zeros(3, np.float32)})
    )
    with pytest.raises(ArtifactError, match="a black picture gave"):
        load_detector(patchcore_folder)


def test_an_unknown_backbone(tmp_path: Path, patchcore_folder: Path, monkeypatch: Any):
    monkeypatch.undo()
    change(patchcore_folder, lambda about: about["settings"].update(model="efficientnet-lite99"))
    with pytest.raises(ArtifactError, match=r"model\.json: .*efficientnet-lite99"):
        load_detector(patchcore_folder)
    change(patchcore_folder, lambda about: about["settings"].update(model="../evil"))
    with pytest.raises(ArtifactError, match=r"model\.json: .*evil"):
        load_detector(patchcore_folder)


def test_settings_of_the_kinds_with_a_backbone_are_checked_before_it_is_loaded(
    patchcore_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(model: str, taps: object) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr("embedsvc.detectors.patchcore.load_image_network", refuse)
    change(patchcore_folder, lambda about: about["settings"].update(top=3))
    with pytest.raises(ArtifactError, match="Expected top above 0"):
        load_detector(patchcore_folder)


def test_kinds_do_not_mix(patchcore_folder: Path):
    settings = Gaussian(size=64).get_params()
    change(patchcore_folder, lambda about: about.update(kind="gaussian", settings=settings))
    with pytest.raises(ArtifactError):
        load_detector(patchcore_folder)
