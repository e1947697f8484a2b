"""A whole search on made pictures: results, labels, warnings, stopping and continuing."""

import csv
import re
import shutil

import numpy as np
import pytest
from made_parts import (
    good_part,
    read_metrics,
    read_rows,
    without_times,
    write_bad,
    write_good,
    write_mvtec,
    write_part,
)

from embedsvc.detectors.base import AnomalyDetector
from embedsvc.detectors.hog import Hog
from embedsvc.errors import ArtifactError, InputError, OutputError, ResumeError
from embedsvc.extract import windows
from embedsvc.jobs import detect_found, detect_learn, detect_run, detect_saving, scoring
from embedsvc.jobs.detect import DetectOptions, detect_anomalies
from embedsvc.store import detectors as store
from embedsvc.store.detectors import load_detector


@pytest.fixture
def parts(tmp_path):
    """24 good pictures to learn from, 8 good and 4 bad ones to score."""
    write_good(tmp_path / "good", 24)
    write_good(tmp_path / "new" / "a", 8, first=2000)
    write_bad(tmp_path / "new" / "b", 4)
    return tmp_path


@pytest.fixture
def detect(parts, monkeypatch):
    """Search with HOG, the quickest, in windows of 5 images."""
    monkeypatch.setitem(windows.WINDOW_ROWS, "images", 5)

    def run(images="new", normal="good", output="report", **given):
        named = {name: given.pop(name) for name in ("detector", "labels", "save") if name in given}
        if "detector" not in named:
            given = {"method": "hog", "size": 64} | given
        return detect_anomalies(
            [parts / images],
            normal and [parts / normal],
            parts / output,
            options=DetectOptions(**given),
            **{name: parts / value for name, value in named.items()},
        )

    run.folder = parts
    return run


@pytest.fixture
def count_fits(monkeypatch):
    fits = []
    real = AnomalyDetector.fit

    def fit(self, *args, **kwargs):
        fits.append(self.kind)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(AnomalyDetector, "fit", fit)
    return fits


def write_labels(path, labels):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label"))
        writer.writerows(labels.items())
    return path.name


def test_the_bad_images_come_first(detect):
    result = detect()
    assert (result.n_images, result.n_unreadable, result.metrics) == (12, 0, None)
    assert {name for name, _ in result.top[:4]} == {f"b/{i:03}.png" for i in range(4)}
    rows = read_rows(result.output)
    assert [row["path"] for row in rows] == [
        *(f"a/{i:03}.png" for i in range(8)),
        *(f"b/{i:03}.png" for i in range(4)),
    ]
    detector = Hog(size=64).fit(sorted((detect.folder / "good").iterdir()))
    images = sorted((detect.folder / "new").rglob("*.png"))
    scores = detector.anomaly_score(images)
    # Matrix products of other sizes are rounded otherwise.
    assert [float(row["score"]) for row in rows] == pytest.approx(scores, abs=1e-9)
    assert [float(row["p_value"]) for row in rows] == detector.p_value(scores).tolist()
    assert [int(row["is_anomaly"]) for row in rows] == detector.predict(images).tolist()
    assert {row["label"] for row in rows} == {row["error"] for row in rows} == {""}


def test_the_folder_tells_everything(detect):
    result = detect()
    metrics = read_metrics(result.output)
    assert metrics["method"] == "hog" and metrics["baseline"] is None
    assert metrics["n_normal"] == 24 and metrics["normal_source"].endswith("good")
    assert metrics["threshold"] == result.threshold
    assert metrics["n_anomalous"] == result.n_anomalous >= 4
    assert {one["name"]: one["n_images"] for one in metrics["folders"]} == {"a": 8, "b": 4}
    page = result.report.read_text(encoding="utf-8")
    assert "b/000.png" in page and "data:image/jpeg" in page
    assert load_detector(result.output / "detector").threshold_ == result.threshold
    assert sorted(path.name for path in result.output.iterdir()) == [
        "detector", "metrics.json", "report.html", "scores.csv",
    ]  # fmt: skip


def test_the_same_command_again_does_nothing(detect, count_fits):
    first = detect()
    stamps = {path: path.stat().st_mtime_ns for path in first.output.rglob("*")}
    again = detect()
    assert again.stood_already and not first.stood_already
    assert (again.top, again.threshold, again.warnings) == (
        first.top, first.threshold, first.warnings,
    )  # fmt: skip
    assert {path: path.stat().st_mtime_ns for path in first.output.rglob("*")} == stamps
    assert count_fits == ["hog"]


# Where a run is stopped: a function, and before which call of it.
STOPS = [
    (Hog, "_learn", 0),
    (store, "write_arrays", 0),
    (AnomalyDetector, "score_stream", 0),
    (AnomalyDetector, "score_stream", 1),
    (AnomalyDetector, "score_stream", 2),
    (scoring, "_to_table", 1),
    (detect_run, "write_scores", 0),
    (detect_run, "take_pictures", 0),
    (detect_run, "warnings_about", 0),
    (detect_run, "write_anomaly_report", 0),
    (detect_run, "write_metrics", 0),
]


@pytest.mark.parametrize(("owner", "name", "call"), STOPS)
def test_a_stopped_search_is_continued(detect, monkeypatch, count_fits, owner, name, call):
    # By the user, or as if the machine had died.
    error = KeyboardInterrupt if call else RuntimeError
    real, calls = getattr(owner, name), []

    def stopping(*args, **kwargs):
        calls.append(args)
        if len(calls) == call + 1:
            raise error
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, stopping)
        with pytest.raises(
            error, match="Run the same command" if error is KeyboardInterrupt else None
        ):
            detect()
    assert not (detect.folder / "report" / "metrics.json").exists()
    result = detect()
    whole = detect(output="whole")
    fitted_before = name not in ("_learn", "write_arrays")
    assert len(count_fits) == (2 if fitted_before else 3)
    assert (result.output / "scores.csv").read_bytes() == (whole.output / "scores.csv").read_bytes()
    assert without_times(read_metrics(result.output)) == without_times(read_metrics(whole.output))
    assert not list(result.output.glob("*.parts")) and not list(result.output.glob(".*.partial"))
    if call and name == "score_stream":
        assert result.resumed == 5 * call


def test_what_a_killed_process_was_writing_is_removed(detect):
    output = detect.folder / "report"
    (output / "scores.csv.parts").mkdir(parents=True)
    for name in (".metrics.json.12.partial", ".report.html.12.partial", ".scores.csv.12.partial"):
        (output / name).write_text("half")
    (output / ".detector.x1_y.partial" / "fresh").mkdir(parents=True)
    detect()
    assert not list(output.glob(".*"))


def test_a_full_disk_at_the_end_is_explained(detect, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(detect_run, "write_metrics", full)
        with pytest.raises(OutputError, match="the disk is full"):
            detect()
    assert detect().resumed == 12


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed": 4}, "seed was 0 and is 4 now"),
        ({"method": "gaussian"}, "method was 'hog' and is 'gaussian' now"),
        ({"lighting": "normalize"}, "lighting was None and is 'normalize' now"),
        ({"normal": "new/a"}, "the normal images have changed"),
    ],
)
def test_another_search_is_refused_until_it_may_replace(detect, changed, message):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detect_run, "_score", _raise)
        with pytest.raises(RuntimeError):
            detect()
    with pytest.raises(ResumeError, match=message):
        detect(**changed)
    detect()
    with pytest.raises(ResumeError, match=f"{message}.*--overwrite"):
        detect(**changed)


def _raise(*args, **kwargs):
    raise RuntimeError("stopped")


def test_overwrite_replaces_a_complete_search(detect):
    detect()
    result = detect(seed=3, overwrite=True)
    metrics = read_metrics(result.output)
    assert metrics["settings"]["seed"] == 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AnomalyDetector, "fit", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            detect(seed=5, overwrite=True)
    # What was there is gone, and the folder is still known as one of a search.
    assert detect(seed=6, overwrite=True).n_images == 12


def _interrupt(*args, **kwargs):
    raise KeyboardInterrupt


def test_other_images_are_refused_until_they_may_replace(detect):
    detect()
    write_part(detect.folder / "new" / "c.png", good_part(1))
    with pytest.raises(ResumeError, match="the images have changed"):
        detect()
    assert detect(overwrite=True).n_images == 13


def test_a_folder_with_other_things_is_never_touched(detect):
    folder = detect.folder / "mine"
    (folder / "maps").mkdir(parents=True)
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="with maps. Choose another output"):
            detect(output="mine", overwrite=overwrite)
    (detect.folder / "file").write_text("mine")
    with pytest.raises(OutputError, match="Not a directory"):
        detect(output="file")


def test_an_output_among_the_images_is_refused(detect):
    with pytest.raises(InputError, match="would be taken for images"):
        detect(output="new/report")


def test_a_damaged_detector_in_the_output_is_told(detect):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detect_run, "_score", _raise)
        with pytest.raises(RuntimeError):
            detect()
    (detect.folder / "report" / "detector" / "state.safetensors").write_bytes(b"broken")
    with pytest.raises(ArtifactError, match="add --overwrite"):
        detect()
    assert detect(overwrite=True).n_images == 12


# Unreadable images


def test_unreadable_images_stop_the_search_or_are_listed(detect):
    (detect.folder / "new" / "a" / "002.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="add --on-error skip"):
        detect()
    result = detect(on_error="skip")
    assert (result.n_images, result.n_unreadable) == (11, 1)
    row = read_rows(result.output)[2]
    assert row["path"] == "a/002.png" and "002.png" in row["error"]
    assert row["score"] == row["p_value"] == row["is_anomaly"] == ""
    assert read_metrics(result.output)["unreadable"][0][0] == "a/002.png"
    with pytest.raises(ResumeError, match="skipped images"):
        detect()


def test_unreadable_normal_images_are_a_warning(detect):
    (detect.folder / "good" / "007.png").write_bytes(b"")
    with pytest.raises(InputError, match="empty file"):
        detect()
    result = detect(on_error="skip")
    assert any("1 normal image could not be read" in one for one in result.warnings)
    assert read_metrics(result.output)["n_normal"] == 23


def test_nothing_but_unreadable_images_is_an_error(detect):
    for path in (detect.folder / "new").rglob("*.png"):
        path.write_bytes(b"no image")
    with pytest.raises(InputError, match="12 that cannot be used, such as a/000.png"):
        detect(on_error="skip")


# Names


def test_names_of_any_kind_are_shown_and_cannot_do_harm(detect):
    names = ['a,"b".png', "line\nbreak.png", "<script>alert(1)</script>.png".replace("/", "∕")]
    for name in names:
        write_part(detect.folder / "odd" / name, good_part(9))
    result = detect(images="odd")
    assert sorted(row["path"] for row in read_rows(result.output)) == sorted(names)
    page = result.report.read_text(encoding="utf-8")
    assert "<script>alert" not in page


# Saved detectors


def test_a_saved_detector_gives_the_same_scores(detect, count_fits):
    first = detect(save="saved")
    again = detect(normal=None, detector="saved", output="again")
    assert count_fits == ["hog"]
    assert (again.output / "scores.csv").read_bytes() == (first.output / "scores.csv").read_bytes()
    assert not (again.output / "detector").exists()
    assert read_metrics(again.output)["normal_source"].endswith("good")
    kept = detect(normal=None, detector="report/detector", output="third")
    assert kept.top == first.top


def test_the_folder_to_save_to_is_checked_before_learning(detect, count_fits):
    write_good(detect.folder / "mine", 1)
    with pytest.raises(OutputError, match="got a folder with other files"):
        detect(save="mine", overwrite=True)
    detect(save="saved")
    assert detect(save="saved").stood_already
    count_fits.clear()
    with pytest.raises(OutputError, match="got a saved detector. .*--overwrite"):
        detect(save="saved", output="other", seed=2)
    assert count_fits == []
    detect(save="saved", output="other", seed=2, overwrite=True)
    assert load_detector(detect.folder / "saved").seed == 2
    with pytest.raises(InputError, match="which is saved already"):
        detect(normal=None, detector="saved", save="more", output="third")


def test_names_of_saved_folders_are_those_of_the_store():
    assert (detect_saving.WHAT, detect_saving.MODEL, detect_saving.STATE) == (
        store.WHAT, store.MODEL, store.STATE,
    )  # fmt: skip


def test_options_of_fitting_are_refused_with_a_saved_detector(detect):
    detect(save="saved")
    for given in ({"method": "hog"}, {"size": 64}, {"seed": 1}, {"false_alarm_rate": 0.1}):
        with pytest.raises(InputError, match=f"Expected no {next(iter(given))} with a saved"):
            detect(normal=None, detector="saved", output="again", **given)
    with pytest.raises(InputError, match="got both"):
        detect(detector="saved", output="again")
    with pytest.raises(ArtifactError, match=r"without model\.json"):
        detect(normal=None, detector="good", output="again")


# Labels


def test_mvtec_folders_bring_their_own_normals_labels_and_groups(detect):
    write_mvtec(detect.folder / "gear")
    result = detect(images="gear", normal=None)
    assert (result.n_images, read_metrics(result.output)["n_normal"]) == (12, 30)
    rows = read_rows(result.output)
    assert {row["path"].split("/")[1]: row["label"] for row in rows} == {"good": "0", "blot": "1"}
    assert result.metrics["image_auroc"] == 1.0
    assert result.metrics["recall"] == 1.0
    # With other normals the test pictures are scored all the same, and never the masks.
    assert detect(images="gear", output="other").n_images == 12


def test_labels_choose_the_threshold_and_others_measure(detect):
    write_bad(detect.folder / "new" / "b", 12)
    labels = {f"b/{i:03}.png": "bad" for i in range(12)} | {f"a/{i:03}.png": "ok" for i in range(8)}
    name = write_labels(detect.folder / "labels.csv", labels)
    result = detect(labels=name)
    metrics = read_metrics(result.output)
    assert metrics["labels"] == {"n_labelled": 20, "n_chose_threshold": 10, "n_measured": 10}
    assert "best F1" in result.threshold_about and metrics["false_alarm_rate"] is None
    assert result.notes[0].startswith("Of 20 labelled images 10")
    assert result.metrics["image_auroc"] == 1.0
    page = result.report.read_text(encoding="utf-8")
    assert "of 6 labelled anomalies" in page.lower()
    # With a false alarm rate labels have nothing to choose, and all of them measure.
    measured = detect(labels=name, false_alarm_rate=0.1, output="rate")
    assert read_metrics(measured.output)["labels"]["n_measured"] == 20
    assert read_metrics(measured.output)["false_alarm_rate"] == 0.1


def test_the_figures_are_those_of_the_measured_half_alone(detect, monkeypatch):
    """Labels of the half that chooses can be wrong without any figure changing."""
    write_bad(detect.folder / "new" / "b", 12)
    labels = {f"b/{i:03}.png": "1" for i in range(12)} | {f"a/{i:03}.png": "0" for i in range(8)}
    name = write_labels(detect.folder / "labels.csv", labels)
    seen = []
    real = detect_run.find

    def find(rows, learned):
        kept = list(rows)
        seen.extend(kept)
        return real(kept, learned)

    monkeypatch.setattr(detect_run, "find", find)
    result = detect(labels=name)
    tested = [row for row in seen if row.label is not None and not row.chosen]
    flagged = [row.is_anomaly for row in tested if row.label == 1]
    assert len(tested) == 10
    assert result.metrics["recall"] == np.mean(flagged)


def test_few_labelled_anomalies_measure_and_do_not_choose(detect):
    name = write_labels(detect.folder / "labels.csv", {"b/000.png": "1", "a/000.png": "0"})
    result = detect(labels=name)
    assert "at most" in result.threshold_about
    assert "too few to choose a threshold" in result.notes[0]
    assert result.metrics["image_auroc"] == 1.0


def test_labelled_anomalies_among_the_normal_images_are_not_learned_as_normal(detect):
    write_bad(detect.folder / "good" / "odd", 6)
    name = write_labels(detect.folder / "labels.csv", {f"odd/{i:03}.png": "1" for i in range(6)})
    result = detect(labels=name)
    assert read_metrics(result.output)["n_normal"] == 24
    assert result.notes == (
        "6 labelled anomalies apart from the scored images chose the threshold.",
    )


def test_labels_of_other_images_are_refused(detect):
    name = write_labels(detect.folder / "labels.csv", {"elsewhere.png": "1"})
    with pytest.raises(InputError, match="1 that name none"):
        detect(labels=name)


def test_labels_with_a_saved_detector_only_measure(detect):
    detect(save="saved")
    labels = {f"b/{i:03}.png": "1" for i in range(4)} | {f"a/{i:03}.png": "0" for i in range(8)}
    name = write_labels(detect.folder / "labels.csv", labels)
    result = detect(normal=None, detector="saved", labels=name, output="again")
    assert read_metrics(result.output)["labels"]["n_measured"] == 12
    assert result.metrics["image_auroc"] == 1.0


def test_a_manifest_tells_split_label_and_group(detect):
    rows = [("path", "label", "split", "group")]
    rows += [(f"good/{i:03}.png", "0", "train", f"g{i // 2}") for i in range(24)]
    rows += [(f"new/a/{i:03}.png", "0", "test", "") for i in range(8)]
    rows += [(f"new/b/{i:03}.png", "1", "test", "") for i in range(4)]
    with (detect.folder / "parts.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    result = detect(images="parts.csv", normal=None)
    assert (result.n_images, result.metrics["image_auroc"]) == (12, 1.0)
    assert read_metrics(result.output)["n_normal"] == 24


@pytest.mark.slow
def test_the_regressor_learns_from_half_of_the_labels(detect, lite0):
    write_bad(detect.folder / "new" / "b", 8)
    labels = {f"b/{i:03}.png": "1" for i in range(8)} | {f"a/{i:03}.png": "0" for i in range(8)}
    name = write_labels(detect.folder / "labels.csv", labels)
    result = detect(labels=name, method="regressor", size=64, baseline=False)
    assert result.metrics["image_auroc"] == 1.0
    assert "were learned from" in result.notes[0]
    with pytest.raises(InputError, match="at least 4 labelled anomalies"):
        detect(method="regressor", output="other")


# Warnings


def test_images_that_were_learned_from_are_named(detect):
    shutil.copytree(detect.folder / "good", detect.folder / "new" / "good")
    result = detect(normal="new/good")
    assert any(
        "24 images to score are among the normal images" in one and "good/000.png" in one
        for one in result.warnings
    )
    assert not any("copy" in one for one in result.warnings)


def test_copies_of_normal_images_are_named(detect):
    shutil.copy(detect.folder / "good" / "003.png", detect.folder / "new" / "copy.png")
    result = detect()
    assert any("1 image looks like a copy" in one and "copy.png" in one for one in result.warnings)


def test_a_shift_of_all_images_is_told(detect):
    for i in range(12):
        darker = (255 - good_part(i, size=64)[::-1].transpose(1, 0, 2)).astype(np.uint8)
        write_part(detect.folder / "shifted" / f"{i}.png", darker)
    result = detect(images="shifted")
    assert "--lighting normalize" in result.warnings[0]


def test_brightness_that_tells_labels_is_told(detect):
    write_good(detect.folder / "set" / "train" / "good", 30)
    for i in range(12):
        brighter = np.minimum(good_part(100 + i).astype(int) + 60, 255).astype(np.uint8)
        write_part(detect.folder / "set" / "test" / "good" / f"{i}.png", good_part(200 + i))
        write_part(detect.folder / "set" / "test" / "odd" / f"{i}.png", brighter)
    result = detect(images="set", normal=None)
    assert any("brighter at their borders" in one for one in result.warnings)
    normalized = detect(images="set", normal=None, lighting="normalize", output="normalized")
    assert not any("borders" in one for one in normalized.warnings)


def test_few_normal_images_are_a_warning(detect):
    write_good(detect.folder / "few", 8)
    result = detect(normal="few")
    assert any("only 8 normal images" in one for one in result.warnings)


def test_contaminated_normal_images_are_named(detect):
    write_part(detect.folder / "good" / "zzz.png", np.random.default_rng(0).integers(
        0, 255, (64, 64, 3), np.uint8))  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "embedsvc.detectors.base.contamination_suspects", lambda scores: np.array([24])
        )
        first = detect(save="saved")
    expected = "1 normal image looks like an anomaly itself: zzz.png"
    assert any(expected in one for one in first.warnings)
    again = detect(normal=None, detector="saved", output="again")
    assert any(expected in one for one in again.warnings)


# Pictures


def test_baseline_and_labels_stand_beside_each_other(detect, lite0):
    write_mvtec(detect.folder / "gear")
    result = detect(images="gear", normal=None, method="patchcore", maps="none", save="saved")
    rows = read_rows(result.output)
    assert all(row["baseline_score"] and row["baseline_is_anomaly"] in "01" for row in rows)
    metrics = read_metrics(result.output)
    assert metrics["baseline"]["metrics"]["image_auroc"] == 1.0
    agreement = metrics["baseline"]["agreement"]
    assert sum(agreement.values()) == 12
    again = detect(images="gear", normal=None, detector="saved", output="again")
    assert read_rows(again.output) == read_rows(result.output)
    alone = detect(images="gear", normal=None, detector="saved", output="alone", baseline=False)
    assert "baseline_score" not in read_rows(alone.output)[0]


def test_maps_are_drawn_of_the_highest_scores(detect, lite0, monkeypatch):
    write_mvtec(detect.folder / "gear", normal=12, bad=4)
    for i in range(2):
        shutil.copy(
            detect.folder / "gear" / "test" / "blot" / "000.png",
            detect.folder / "gear" / "test" / f"other{i}_000.png",
        )
        target = detect.folder / "gear" / "test" / f"other{i}" / "000.png"
        target.parent.mkdir()
        (detect.folder / "gear" / "test" / f"other{i}_000.png").rename(target)
    settings = {"images": "gear", "normal": None, "method": "patchcore", "size": 64}
    result = detect(**settings, maps="top:5", baseline=False, save="saved")
    names = sorted(path.name for path in (result.output / "maps").iterdir())
    assert len(names) == 5
    for rank, (name, _) in enumerate(result.top[:5], 1):
        stem = re.sub(r"[^0-9a-z]+", "_", name.removesuffix(".png"))
        assert names[rank - 1] == f"{rank:04}_{stem}.png"
    everything = detect(
        images="gear", normal=None, detector="saved", maps="all", baseline=False, output="all"
    )
    assert len(list((everything.output / "maps").iterdir())) == everything.n_images == 12
    none = detect(
        images="gear", normal=None, detector="saved", maps="none", baseline=False, output="none"
    )
    assert not (none.output / "maps").exists()
    with pytest.raises(ResumeError, match="n maps was 5 and is 3 now"):
        detect(**settings, maps="top:3", baseline=False)


def test_a_page_of_very_many_images_counts_all_of_them(detect, monkeypatch):
    write_mvtec(detect.folder / "gear")
    monkeypatch.setattr(detect_found, "MOST_ROWS", 4)
    result = detect(images="gear", normal=None)
    assert (result.n_images, len(result.top)) == (12, 4)
    page = result.report.read_text(encoding="utf-8")
    assert f"{result.n_anomalous} of 12 images are anomalous" in page
    assert "labelled anomalies" not in page.lower().split("<main")[0]
    assert result.metrics["image_auroc"] == 1.0


# Settings that cannot be


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"normal": None}, "Name a folder of good pictures with --normal"),
        ({"images": "nowhere"}, "which does not exist"),
        ({"false_alarm_rate": 0.001}, "at least 999 normal images"),
        ({"maps": "top:5"}, "Expected no maps with the method hog"),
    ],
)
def test_mistakes_are_told_before_anything_is_loaded(detect, count_fits, given, message):
    with pytest.raises(InputError, match=message):
        detect(**given)
    assert not (detect.folder / "report").exists()


def test_the_learning_module_makes_what_the_options_say(monkeypatch, detect):
    made = []
    real = detect_learn.make_detector

    def make(kind, **settings):
        made.append((kind, settings))
        return real(kind, **settings)

    monkeypatch.setattr(detect_learn, "make_detector", make)
    detect(lighting="normalize", resize="fit", size=(64, 48), tiles=1, seed=2)
    assert made == [
        ("hog", {"size": (64, 48), "resize": "fit", "lighting": "normalize", "tiles": 1, "seed": 2})
    ]
