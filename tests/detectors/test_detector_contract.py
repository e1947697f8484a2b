"""One contract, one battery: what every detector does, whatever it learns.

A new detector adds a line to `SETTINGS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from textures import PLANTED, SIDE, planted, woven

from embedsvc.detectors.base import AnomalyDetector
from embedsvc.detectors.registry import DETECTORS, detector_class, make_detector
from embedsvc.errors import InputError, NotFittedError
from embedsvc.images.loading import Failure
from embedsvc.store.detectors import load_detector, save_detector

# Settings that make each kind quick.
SETTINGS: dict[str, dict[str, Any]] = {
    "ocsvm": {"size": SIDE, "folds": 2},
    "gaussian": {"size": SIDE, "folds": 2},
    "patchcore": {"size": SIDE, "folds": 2, "bank_size": 300},
    "autoencoder": {"size": SIDE, "latent": 8, "epochs": 4},
    "regressor": {"size": SIDE, "folds": 2},
    "hog": {"size": SIDE, "folds": 2},
}
WITHOUT_BACKBONE = ("hog", "autoencoder")
WITH_MAPS = ("ocsvm", "gaussian", "patchcore", "autoencoder", "regressor")

NORMAL, ANOMALOUS = woven(40), planted(8)
UNSEEN = woven(12, seed=2)
KNOWN = planted(6, seed=3)
FEW = np.concatenate([UNSEEN[:3], ANOMALOUS[:2]])


@dataclass(frozen=True)
class Case:
    """A fitted detector, not to be changed, and what the tests ask of it again and again."""

    kind: str
    detector: AnomalyDetector
    unseen: np.ndarray
    anomalous: np.ndarray
    left_random_state_alone: bool


def make(kind: str, **settings: Any) -> AnomalyDetector:
    return make_detector(kind, **{**SETTINGS[kind], **settings})


def examples(kind: str, normal: np.ndarray) -> tuple[np.ndarray, list[int] | None]:
    """What a kind learns from: the normal pictures, and labelled anomalies where it needs them."""
    if not detector_class(kind).needs_anomalies:
        return normal, None
    return np.concatenate([normal, KNOWN]), [0] * len(normal) + [1] * len(KNOWN)


def fit(kind: str, normal: np.ndarray = NORMAL, **settings: Any) -> AnomalyDetector:
    return make(kind, **settings).fit(*examples(kind, normal))


def random_state() -> str:
    return str(np.random.get_state(legacy=False))  # noqa: NPY002


@pytest.fixture(scope="module", params=SETTINGS)
def case(request: pytest.FixtureRequest) -> Case:
    kind = str(request.param)
    if kind not in WITHOUT_BACKBONE:
        request.getfixturevalue("lite0_folder")
    before = random_state()
    detector = fit(kind)
    unseen, anomalous = detector.anomaly_score(UNSEEN), detector.anomaly_score(ANOMALOUS)
    return Case(kind, detector, unseen, anomalous, random_state() == before)


@pytest.fixture
def mapped(case: Case) -> Case:
    if case.kind not in WITH_MAPS:
        pytest.skip("scores whole pictures")
    return case


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """`FEW` as PNG files."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"{i}.png" for i in range(len(FEW))]
    for path, picture in zip(paths, FEW, strict=True):
        Image.fromarray(picture).save(path)
    return paths


def spread(case: Case) -> float:
    return float(np.ptp(np.concatenate([case.unseen, case.anomalous])))


def hot_spot(anomaly_map: np.ndarray) -> tuple[float, float]:
    """Row and column of the highest cell's middle, in pixels of the picture."""
    row, column = np.unravel_index(anomaly_map.argmax(), anomaly_map.shape)
    return (row + 0.5) * SIDE / anomaly_map.shape[0], (column + 0.5) * SIDE / anomaly_map.shape[1]


def assert_hot_where_planted(maps: np.ndarray) -> None:
    margin = SIDE / maps.shape[1] / 2
    for one in maps:
        for place, planted_at in zip(hot_spot(one), PLANTED, strict=True):
            assert planted_at.start - margin < place < planted_at.stop + margin


def test_every_kind_is_in_the_battery():
    assert set(SETTINGS) == set(DETECTORS)
    assert {kind for kind in DETECTORS if detector_class(kind).has_maps} == set(WITH_MAPS)


# Scores


def test_planted_anomalies_score_highest(case: Case):
    assert case.anomalous.min() > case.unseen.max()


def test_scores_are_finite_doubles(case: Case):
    for scores, n in ((case.unseen, len(UNSEEN)), (case.anomalous, len(ANOMALOUS))):
        assert scores.shape == (n,)
        assert scores.dtype == np.float64
        assert np.isfinite(scores).all()


def test_neither_order_nor_company_matters(case: Case):
    order = np.random.default_rng(0).permutation(len(UNSEEN))
    tolerance = 1e-5 * spread(case)
    shuffled = case.detector.anomaly_score(UNSEEN[order])
    np.testing.assert_allclose(shuffled, case.unseen[order], rtol=0, atol=tolerance)
    alone = [case.detector.anomaly_score([picture])[0] for picture in ANOMALOUS[:3]]
    np.testing.assert_allclose(alone, case.anomalous[:3], rtol=0, atol=tolerance)


def test_paths_bytes_arrays_and_generators_score_the_same(case: Case, files: list[Path]):
    expected = case.detector.anomaly_score(FEW)
    for images in (
        files,
        [str(path) for path in files],
        [path.read_bytes() for path in files],
        list(FEW),
        (picture for picture in FEW),
    ):
        np.testing.assert_array_equal(case.detector.anomaly_score(images), expected)


def test_nothing_in_nothing_out(case: Case):
    assert case.detector.anomaly_score([]).shape == (0,)
    assert case.detector.predict([]).tolist() == []
    assert case.detector.p_value([]).shape == (0,)
    assert list(case.detector.score_stream([])) == []


def test_one_image_of_another_size(case: Case):
    picture = np.repeat(np.repeat(UNSEEN[0], 2, axis=0), 3, axis=1)  # (128, 192, 3)
    (batch,) = case.detector.score_stream([picture])
    assert batch.scores.shape == (1,)
    assert batch.indices.tolist() == [0]
    assert batch.sizes.tolist() == [[128, 192]]
    assert batch.maps is None


def test_corrupt_files_while_scoring(case: Case, files: list[Path], tmp_path: Path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(files[0].read_bytes()[:200])
    images = [files[0], broken, files[1]]
    with pytest.raises(InputError, match=r"broken\.png"):
        case.detector.anomaly_score(images)
    failures: list[Failure] = []
    batches = list(case.detector.score_stream(images, on_error="skip", on_failure=failures.append))
    assert np.concatenate([batch.indices for batch in batches]).tolist() == [0, 2]
    assert [(failure.index, failure.name) for failure in failures] == [(1, str(broken))]


# Labels


def test_a_label_is_a_score_above_the_threshold(case: Case):
    labels = case.detector.predict(FEW)
    assert labels.dtype == np.int64
    expected = case.detector.anomaly_score(FEW) > case.detector.threshold_
    np.testing.assert_array_equal(labels, expected)
    assert labels[3:].all()
    np.testing.assert_array_equal(case.detector.label(case.unseen), case.detector.predict(UNSEEN))
    at = case.detector.threshold_
    assert case.detector.label([at, np.nextafter(at, np.inf)]).tolist() == [0, 1]


def test_p_values_agree_with_the_threshold(case: Case):
    detector = case.detector
    scores = np.concatenate(
        [case.unseen, case.anomalous, detector.calibration_scores_, [detector.threshold_]]
    )
    p_values = detector.p_value(scores)
    assert ((p_values > 0) & (p_values <= 1)).all()
    assert (np.diff(p_values[np.argsort(scores)]) <= 0).all()
    rate = detector.calibration_.false_alarm_rate
    if rate is not None:
        np.testing.assert_array_equal(detector.label(scores) == 1, p_values <= rate)


def test_the_threshold_rests_on_normal_images_not_learned_from(case: Case):
    known = case.detector.calibration_scores_
    assert known.dtype == np.float64
    assert (np.diff(known) >= 0).all()
    assert len(known) == (40 if case.detector.folds > 1 else 8)
    assert case.detector.threshold_ == case.detector.calibration_.threshold
    assert f"{len(known)} normal" in case.detector.calibration_.about
    assert case.detector.suspects_.tolist() == []


# Maps


def test_maps_are_hot_where_something_is_planted(mapped: Case):
    maps = mapped.detector.anomaly_map(ANOMALOUS)
    assert maps.dtype == np.float32
    assert maps.shape[0] == len(ANOMALOUS)
    assert maps.shape[1] == maps.shape[2] > 1
    assert np.isfinite(maps).all()
    assert_hot_where_planted(maps)
    low, high = mapped.detector.map_range_
    assert low < high < maps.max()
    assert np.median(mapped.detector.anomaly_map(UNSEEN)) == pytest.approx(
        low, rel=0.3, abs=0.5 * (high - low)
    )


def test_maps_come_with_the_scores(mapped: Case):
    (batch,) = mapped.detector.score_stream(FEW, with_maps=True)
    np.testing.assert_array_equal(batch.maps, mapped.detector.anomaly_map(FEW))
    np.testing.assert_array_equal(batch.scores, mapped.detector.anomaly_score(FEW))
    assert mapped.detector.anomaly_map([]).shape[0] == 0


def test_maps_are_refused_where_there_are_none(case: Case):
    if case.kind in WITH_MAPS:
        pytest.skip("has maps")
    assert case.detector.map_range_ is None
    with pytest.raises(InputError, match=f"a detector with maps, got '{case.kind}'.*patchcore"):
        case.detector.anomaly_map(FEW)


def test_tiles(case: Case):
    tiled = fit(case.kind, NORMAL[:24], tiles=2, folds=1)
    assert tiled.preparation.height > SIDE
    scores = tiled.anomaly_score(FEW)
    assert np.isfinite(scores).all()
    assert scores[3:].min() > scores[:3].max()
    if case.kind in WITH_MAPS:
        maps = tiled.anomaly_map(ANOMALOUS)
        assert maps.shape[1] > case.detector.anomaly_map(FEW[:1]).shape[1]
        assert_hot_where_planted(maps)


# Fitting


def test_a_refit_forgets_and_equal_seeds_give_equal_detectors(case: Case, tmp_path: Path):
    images, y = examples(case.kind, NORMAL)
    again = fit(case.kind, planted(12, seed=7), folds=1)
    assert again.n_images_ != len(images)
    again.set_params(folds=case.detector.folds)
    # This time with an unreadable file that is left out.
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    failures: list[Failure] = []
    again.fit(
        [broken, *images],
        None if y is None else [0, *y],
        on_error="skip",
        on_failure=failures.append,
    )
    assert [failure.index for failure in failures] == [0]
    assert again.n_images_ == len(images)
    assert again.threshold_ == case.detector.threshold_
    np.testing.assert_array_equal(again.anomaly_score(UNSEEN), case.unseen)
    np.testing.assert_array_equal(again.anomaly_score(ANOMALOUS), case.anomalous)
    np.testing.assert_array_equal(again.calibration_scores_, case.detector.calibration_scores_)


def test_labelled_anomalies_set_the_threshold_of_the_best_f1(case: Case):
    images = np.concatenate([KNOWN, NORMAL[:24]])
    detector = make(case.kind).fit(images, [1] * len(KNOWN) + [0] * 24)
    assert detector.calibration_.false_alarm_rate is None
    assert "best F1" in detector.calibration_.about
    assert detector.predict(ANOMALOUS).all()
    assert detector.predict(UNSEEN).mean() <= 0.25
    assert len(detector.descriptors_) == 24
    assert detector.n_images_ == 30


def test_neither_pictures_nor_the_random_state_change(case: Case):
    assert case.left_random_state_alone
    np.testing.assert_array_equal(NORMAL, woven(40))
    np.testing.assert_array_equal(ANOMALOUS, planted(8))


def test_a_rate_that_so_few_images_cannot_vouch_for(case: Case):
    needed = 199
    with pytest.raises(InputError, match=f"at least {needed} normal images.*0.005"):
        fit(case.kind, false_alarm_rate=0.005)


def test_too_few_images(case: Case):
    kind = case.kind
    for n in (0, 1):
        with pytest.raises(InputError, match=f"at least 2 normal images .*got {n}"):
            fit(kind, NORMAL[:n])
    if detector_class(kind).needs_anomalies:
        for n in (0, 1):
            with pytest.raises(InputError, match=f"at least 2 labelled anomalies .*got {n}"):
                make(kind).fit(FEW[:4], [0] * (4 - n) + [1] * n)


def test_the_fewest_images(case: Case):
    images, y = (NORMAL[:2], None)
    if detector_class(case.kind).needs_anomalies:
        images, y = np.concatenate([NORMAL[:2], KNOWN[:2]]), [0, 0, 1, 1]
    detector = make(case.kind).fit(images, y)
    assert np.isfinite(detector.anomaly_score(FEW)).all()
    assert np.isfinite(detector.threshold_)


def test_identical_images(case: Case):
    images, y = examples(case.kind, NORMAL[[0] * 8])
    detector = make(case.kind, folds=1).fit(images, y)
    assert np.isfinite(detector.anomaly_score(FEW)).all()
    assert np.isfinite(detector.threshold_)
    if case.kind in WITH_MAPS:
        low, high = detector.map_range_
        assert low < high


def test_what_is_no_list_of_images(case: Case):
    detector = make(case.kind)
    for images in ("good.png", Path("good.png"), b"bytes", NORMAL[0], 7):
        with pytest.raises(InputError, match=r"Expected (several|a list of) images"):
            detector.fit(images)
    with pytest.raises(InputError, match="on_error to be error or skip"):
        detector.fit(NORMAL, on_error="ignore")
    images, y = examples(case.kind, NORMAL[:3])
    with pytest.raises(InputError, match=r"missing\.png"):
        detector.fit([Path("missing.png"), *images], None if y is None else [0, *y])


def test_labels_and_groups_that_do_not_fit_the_images(case: Case):
    detector = make(case.kind)
    with pytest.raises(InputError, match=r"as many labels as images, got .*\(3,\) for 40"):
        detector.fit(NORMAL, [0, 0, 1])
    with pytest.raises(InputError, match="labels 0 .* and 1 .*, got 2"):
        detector.fit(NORMAL, [0] * 39 + [2])
    with pytest.raises(InputError, match="as many groups as images, got 3 for 40"):
        detector.fit(NORMAL, groups=iter("aab"))
    images, y = examples(case.kind, NORMAL)
    with pytest.raises(InputError, match="at least 2 groups"):
        detector.fit(images, y, groups=["the one"] * len(images))


# Settings


def test_settings_are_checked_when_fitting_not_before(case: Case):
    wrong: dict[str, object] = {
        "size": "256",
        "resize": "squeeze",
        "lighting": "dim",
        "tiles": 0,
        "false_alarm_rate": 2.0,
        "folds": 1.5,
        "seed": -1,
    }
    for name, value in wrong.items():
        detector = make(case.kind, **{name: value})
        with pytest.raises(InputError, match=f"Expected .*{name}"):
            detector.fit(*examples(case.kind, NORMAL))
        assert not hasattr(detector, "state_")


def test_clone_and_params(case: Case):
    detector = case.detector
    copy = clone(detector)
    assert copy.get_params() == detector.get_params()
    assert not hasattr(copy, "state_")
    again = type(detector)().set_params(**detector.get_params())
    assert again.get_params() == detector.get_params()
    assert repr(copy).startswith(f"{type(detector).__name__}(")


def test_nothing_without_fitting(case: Case):
    detector = make(case.kind)
    for ask in (
        lambda: detector.anomaly_score(FEW),
        lambda: detector.predict(FEW),
        lambda: detector.anomaly_map(FEW),
        lambda: detector.label([0.0]),
        lambda: detector.p_value([0.0]),
        lambda: list(detector.score_stream(FEW)),
        detector.check_state,
    ):
        with pytest.raises(NotFittedError, match=r"fit\(images\)"):
            ask()


# Saving


@pytest.fixture
def saved(case: Case, tmp_path: Path) -> Iterator[AnomalyDetector]:
    save_detector(case.detector, tmp_path / "saved")
    yield load_detector(tmp_path / "saved")


def test_a_saved_detector_is_the_same(case: Case, saved: AnomalyDetector):
    detector = case.detector
    assert type(saved) is type(detector)
    assert saved.get_params() == detector.get_params()
    np.testing.assert_array_equal(saved.anomaly_score(UNSEEN), case.unseen)
    np.testing.assert_array_equal(saved.anomaly_score(ANOMALOUS), case.anomalous)
    assert saved.threshold_ == detector.threshold_
    np.testing.assert_array_equal(saved.p_value(case.unseen), detector.p_value(case.unseen))
    np.testing.assert_array_equal(saved.descriptors_, detector.descriptors_)
    for name in ("map_range_", "n_images_", "trained_at_", "fit_seconds_"):
        assert getattr(saved, name) == getattr(detector, name)
    assert saved.calibration_.about == detector.calibration_.about
    assert saved.describe() == detector.describe()
    if case.kind in WITH_MAPS:
        np.testing.assert_array_equal(saved.anomaly_map(FEW), detector.anomaly_map(FEW))
