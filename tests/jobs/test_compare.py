"""Detectors compared: the figures against plain computation, the labels, the warnings, resuming."""

import csv
import json
import os

import numpy as np
import pytest
import tiny_comparison
from PIL import Image
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score
from tiny_comparison import FakeDetector, FakeRegressor, make_dataset

from embedsvc.datasets.dataset import read_dataset
from embedsvc.errors import InputError, OutputError, ResumeError
from embedsvc.evaluation.bootstrap import bootstrap_interval, paired_difference_interval
from embedsvc.evaluation.conformal import binomial_interval
from embedsvc.evaluation.pixels import PixelMetrics
from embedsvc.evaluation.scores import auroc
from embedsvc.images.decode import decode_image, decode_mask
from embedsvc.jobs import compare as job
from embedsvc.jobs.compare import compare_detectors
from embedsvc.jobs.compare_kinds import CompareOptions, Contestant
from embedsvc.jobs.compare_page import worst_misses


@pytest.fixture
def dataset(tmp_path):
    return make_dataset(tmp_path / "stripes")


def smoothness(levels, path):
    """Weak but better than guessing: the square lets the sum of differences change."""
    return float(np.abs(np.diff(levels, axis=0)).mean())


def brightness(levels, path):
    return float(levels.mean())


def perfect(levels, path):
    return float("good" not in str(path)) + levels.mean() / 1e6


@pytest.fixture
def compare(dataset, tmp_path):
    """Compare with fakes: kind -> score; hog and gaussian unless said otherwise."""
    made = []

    def run(records=dataset, *, scores=None, fakes=None, output="report", **options):
        scores = scores or {"hog": brightness, "gaussian": smoothness}

        def make(contestant, _options):
            made.append(contestant.name)
            if fakes and contestant.kind in fakes:
                return fakes[contestant.kind]
            return FakeDetector(scores[contestant.kind], has_maps=contestant.kind == "patchcore")

        kinds = options.pop("kinds", tuple(scores))
        return compare_detectors(
            records, tmp_path / output, CompareOptions(kinds=kinds, **options), make=make
        )

    run.made = made
    run.output = tmp_path / "report"
    return run


def strict(path):
    def refuse(word):
        raise AssertionError(word)

    return json.loads(path.read_text(), parse_constant=refuse)


def entry(comparison, name):
    return next(one for one in comparison.metrics["detectors"] if one["detector"] == name)


def read_tested(dataset):
    records = [record for record in read_dataset(dataset) if record.split == "test"]
    return records, np.array([record.label for record in records])


# What is written


def test_figures_equal_direct_computation(compare, dataset):
    compare.fake = FakeDetector(smoothness, threshold=20.0)
    comparison = compare(fakes={"gaussian": compare.fake})
    records, labels = read_tested(dataset)
    found = np.array([smoothness(decode_image(r.path)[..., 0].astype("f4"), r) for r in records])
    base = np.array([brightness(decode_image(r.path)[..., 0].astype("f4"), r) for r in records])
    one = entry(comparison, "gaussian")
    alarms = int((found[labels == 0] > 20.0).sum())
    assert one["image_auroc"] == pytest.approx(roc_auc_score(labels, found))
    assert one["average_precision"] == pytest.approx(average_precision_score(labels, found))
    assert one["f1"] == pytest.approx(f1_score(labels, found > 20.0))
    assert one["false_alarm_rate"] == alarms / tiny_comparison.N_GOOD
    assert one["false_alarm_interval"] == list(binomial_interval(alarms, tiny_comparison.N_GOOD))
    assert one["image_auroc_interval"] == list(bootstrap_interval(auroc, found, labels))
    assert one["threshold"] == 20.0
    assert one["model_bytes"] == 10 * 4 + 6 * 8
    assert one["fit_seconds"] >= 0 and one["ms_per_image"] > 0
    assert one["pixel_auroc"] is None and one["aupro"] is None
    assert one["lead"] == pytest.approx(roc_auc_score(labels, found) - roc_auc_score(labels, base))
    assert one["lead_interval"] == list(paired_difference_interval(found, base, labels))
    assert one["settings"] == {"model": "fake", "size": [64, 64], "path": "x", "number": 0.5}


def test_pixel_figures_are_of_the_original_pictures(compare, dataset, tmp_path):
    # Larger than what detectors work on, and of another shape.
    for path in [*dataset.glob("test/*/*.png"), *dataset.glob("ground_truth/*/*.png")]:
        Image.open(path).resize((80, 100), Image.Resampling.NEAREST).save(path)
    comparison = compare(scores={"hog": brightness, "patchcore": smoothness})
    records, _ = read_tested(dataset)
    expected = PixelMetrics()
    for record in records:
        levels = decode_image(record.path)[..., 0].astype(np.float32)
        mask = np.zeros(levels.shape, bool) if record.mask is None else decode_mask(record.mask)
        expected.add((levels - levels.mean()) ** 2, mask)
    one, direct = entry(comparison, "patchcore"), expected.result()
    assert one["pixel_auroc"] == pytest.approx(direct.pixel_auroc, abs=1e-6)
    assert one["aupro"] == pytest.approx(direct.aupro, abs=1e-6)


def test_metrics_json_is_strict_and_says_all(compare, dataset):
    fake = FakeDetector(perfect, threshold=np.inf)
    comparison = compare(fakes={"gaussian": fake})
    metrics = strict(compare.output / "metrics.json")
    assert metrics == comparison.metrics
    assert metrics["detectors"][1]["threshold"] is None  # infinite
    assert metrics["dataset"] == str(dataset)
    assert (metrics["n_train"], metrics["n_test_normal"], metrics["n_test_anomalous"]) == (
        *(tiny_comparison.N_TRAIN, tiny_comparison.N_GOOD),
        tiny_comparison.N_HOLES + tiny_comparison.N_STAINS,
    )
    assert [one["detector"] for one in metrics["detectors"]] == ["hog", "gaussian"]
    assert metrics["baseline"] == "hog"
    assert metrics["rejects"] == []


def test_scores_csv(compare, dataset):
    compare()
    with (compare.output / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    records, _ = read_tested(dataset)
    assert list(rows[0]) == ["name", "label", "defect", "hog", "gaussian"]
    assert [(r["name"], r["label"], r["defect"]) for r in rows] == [
        (record.name, str(record.label), record.defect) for record in records
    ]
    levels = decode_image(records[3].path)[..., 0].astype(np.float32)
    assert float(rows[3]["gaussian"]) == smoothness(levels, None)


def test_the_page_shows_misses_with_overlays(compare):
    # Nothing is found by hog, everything is an alarm for patchcore.
    fakes = {
        "hog": FakeDetector(brightness, threshold=1e9),
        "patchcore": FakeDetector(smoothness, threshold=-1.0, has_maps=True),
    }
    comparison = compare(kinds=("hog", "patchcore"), fakes=fakes)
    page = comparison.page.read_text()
    assert comparison.verdict in page.replace("&#39;", "'")
    assert "The worst misses" in page
    assert "Heat map of patchcore" in page
    assert page.count("Missed") >= 4


def test_worst_misses_are_the_most_wrong_ones():
    rows = [job.Row(Contestant("hog", "keep", "hog"), Scored([0.0, 9.0, 0.5, 1.0, 8.0], 2.0))]
    labels = np.array([0, 0, 1, 1, 1])
    # 2 and 3 are missed, 2 lies lower; 1 is a false alarm; 0 and 4 are right.
    assert worst_misses(rows, job.Truth([], labels, None)) == [2, 3, 1]


class Scored:
    def __init__(self, scores, threshold):
        self.scores, self.threshold = np.array(scores), threshold


# What detectors get


def test_detectors_learn_from_normal_images_alone(compare, dataset):
    fake = FakeDetector(smoothness)
    compare(fakes={"gaussian": fake})
    ((_, images, labels, groups),) = fake.events
    assert images == [str(path) for path in sorted((dataset / "train" / "good").iterdir())]
    assert labels is None and groups is None


def test_known_groups_reach_the_detector(compare, dataset):
    lines = [f"train/good/{i:02d}.png,g{i // 2}" for i in range(tiny_comparison.N_TRAIN)]
    (dataset / "groups.csv").write_text("\n".join(["path,group", *lines]))
    fake = FakeDetector(smoothness)
    compare(fakes={"gaussian": fake})
    assert fake.events[0][3] == [f"g{i // 2}" for i in range(tiny_comparison.N_TRAIN)]


def test_labelled_anomalies_are_learned_from_and_left_out_of_the_test(compare, dataset):
    regressor = FakeRegressor(smoothness)
    scores = {"hog": brightness, "regressor": smoothness}
    with pytest.raises(InputError, match="at least 5 labelled anomalies .* got 3"):
        compare(scores=scores, n_labelled=3)
    comparison = compare(scores=scores, fakes={"regressor": regressor}, n_labelled=5)
    ((_, images, labels, _),) = regressor.events
    given = images[tiny_comparison.N_TRAIN :]
    assert labels == [0] * tiny_comparison.N_TRAIN + [1] * 5
    # In the proportion of their kinds: 4 holes and 2 stains.
    assert sorted("hole" in path for path in given) in (
        [False, True] * 2 + [True],
        [False] * 2 + [True] * 3,
        [False] + [True] * 4,
    )
    shown = (compare.output / "scores.csv").read_text()
    assert not any(path.split("stripes/")[1] in shown for path in given)
    assert comparison.metrics["n_test_anomalous"] == 1
    assert comparison.metrics["n_train_labelled"] == 5
    assert any("5 anomalies of the test" in note for note in comparison.metrics["notes"])
    assert "learned from 5 labelled anomalies" in comparison.page.read_text()


def test_the_regressor_is_left_out_with_a_note(compare):
    comparison = compare(
        kinds=None,
        scores=dict.fromkeys(("hog", "ocsvm", "gaussian", "patchcore", "autoencoder"), smoothness),
    )
    assert compare.made == ["hog", "ocsvm", "gaussian", "patchcore", "autoencoder"]
    assert any("--labelled 20" in note for note in comparison.metrics["notes"])


def test_more_shots_of_labelled_anomalies_leave_the_test_too(compare, dataset):
    scores = {"hog": brightness, "regressor": smoothness}
    fakes = {"regressor": FakeRegressor(smoothness)}
    for path in sorted((dataset / "test" / "hole").iterdir()):
        levels = np.asarray(Image.open(path)).astype(int) + 3
        tiny_comparison.save(path.with_stem(f"{path.stem}_again"), levels.clip(0, 255).astype("u1"))
        mask = dataset / "ground_truth" / "hole" / f"{path.stem}_mask.png"
        mask.with_name(f"{path.stem}_again_mask.png").write_bytes(mask.read_bytes())
    comparison = compare(scores=scores, fakes=fakes, n_labelled=5)
    given = [path.split("stripes/")[1] for path in fakes["regressor"].events[0][1][-5:]]
    twins = [
        name.replace("_again", "") if "_again" in name else name.replace(".png", "_again.png")
        for name in given
        if "hole" in name
    ]
    shown = (compare.output / "scores.csv").read_text()
    assert twins and not any(twin in shown for twin in twins)
    assert any("look like anomalies that were learned" in n for n in comparison.metrics["notes"])


def test_labels_of_a_group_leave_the_test_together(dataset):
    names = [f"test/hole/{i:02d}.png" for i in range(4)] + ["test/good/00.png"]
    lines = [f"{name},a" for name in names] + ["test/stain/00.png,b", "test/stain/01.png,c"]
    (dataset / "groups.csv").write_text("\n".join(["path,group", *lines]))
    plan = job.plan_comparison(
        read_dataset(dataset), CompareOptions(kinds=("hog",), n_labelled=1), dataset="d"
    )
    assert plan.labelled[0].group == "a"  # holes are more
    assert not any(record.group == "a" for record in plan.test)


def test_draws_do_not_depend_on_the_order_of_the_images(dataset):
    records = read_dataset(dataset)
    options = CompareOptions(kinds=("hog",), n_labelled=3, seed=4)
    plans = [job.plan_comparison(r, options, dataset="d") for r in (records, records[::-1])]
    assert plans[0].labelled == plans[1].labelled
    assert sorted(r.defect for r in plans[0].labelled) == ["hole", "hole", "stain"]


def test_lighting_both_gives_two_rows_a_detector(compare):
    comparison = compare(lighting="both")
    names = [one["detector"] for one in comparison.metrics["detectors"]]
    assert names == ["hog", "hog, gain-normalized", "gaussian", "gaussian, gain-normalized"]
    assert [one["lighting"] for one in comparison.metrics["detectors"]] == ["keep", "normalize"] * 2
    header = (compare.output / "scores.csv").read_text().splitlines()[0]
    assert next(csv.reader([header]))[3:] == names


# The verdict


def verdict(lead, low, high, *, auroc=0.9, **others):
    best = {
        "kind": "ocsvm",
        "detector": "ocsvm",
        "image_auroc": auroc,
        "image_auroc_interval": [0.8, 0.95],
        "lead": lead,
        "lead_interval": [low, high],
    }
    hog = {**best, "kind": "hog", "detector": "hog", "image_auroc": auroc - lead}
    baseline = job.Row(Contestant("hog", "keep", others.pop("hog", "hog")), None)
    return job.verdict_of([hog, best, *others.values()], baseline)


def test_verdicts():
    assert verdict(0.07, 0.04, 0.10) == (
        "Deep learning was worth it: ocsvm beats HOG by 0.07 (95 % interval 0.04 to 0.10)."
    )
    assert verdict(-0.07, -0.10, -0.04) == (
        "Deep learning was not worth it: HOG beats ocsvm by 0.07 (95 % interval 0.04 to 0.10)."
    )
    assert verdict(0.01, -0.02, 0.04).startswith(
        "Deep learning was not clearly worth it: ocsvm minus HOG is 0.01 (95 % interval −0.02 to"
    )
    assert "not needed" in verdict(0, 0, 0, auroc=1.0)
    assert "gain-normalized HOG" in verdict(0.07, 0.04, 0.1, hog="hog, gain-normalized")
    taught = {"kind": "regressor", "detector": "regressor", "image_auroc": 0.97}
    # It was shown defects: no fair opponent, even where it is the best.
    assert "ocsvm beats HOG by 0.07" in verdict(0.07, 0.04, 0.1, taught=taught)


def test_a_comparison_without_the_baseline(compare):
    comparison = compare(scores={"gaussian": smoothness, "ocsvm": brightness})
    assert comparison.metrics["baseline"] is None
    assert "best of 2" in comparison.verdict and "Without HOG" in comparison.verdict
    assert entry(comparison, "gaussian")["lead"] is None


def test_the_baseline_alone(compare):
    assert "nothing to compare" in compare(scores={"hog": brightness}).verdict


# Warnings


def warnings_of(comparison):
    return "\n".join(comparison.metrics["warnings"])


def test_near_duplicates_between_train_and_test(compare, dataset):
    assert "99.png" not in warnings_of(compare(output="before"))
    source = dataset / "train" / "good" / "03.png"
    (dataset / "test" / "good" / "99.png").write_bytes(source.read_bytes())
    told = warnings_of(compare())
    assert "look like an image that was learned from" in told
    assert "test/good/99.png and train/good/03.png" in told


@pytest.mark.parametrize("shift", [60, -60])
def test_brightness_that_tells_good_from_bad(compare, dataset, shift):
    for path in [p for kind in ("hole", "stain") for p in (dataset / "test" / kind).iterdir()]:
        levels = np.asarray(Image.open(path)).astype(int) + shift
        Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(path)
    assert "--lighting normalize" in warnings_of(compare())
    assert "gain-normalized rows" in warnings_of(compare(lighting="both"))


def test_suspects_in_train_are_named(compare):
    told = warnings_of(compare(fakes={"gaussian": FakeDetector(smoothness, suspects=[7])}))
    assert "1 of 24 normal training images" in told
    assert "train/good/07.png (gaussian)" in told


def test_more_false_alarms_than_allowed(compare):
    fakes = {"hog": FakeDetector(brightness, threshold=1e9), "gaussian": FakeDetector(smoothness)}
    told = warnings_of(compare(fakes=fakes))
    assert "More false alarms than the 5 % allowed (gaussian 100 %)" in told


def test_torn_groups(compare, dataset):
    (dataset / "groups.csv").write_text("path,group\ntrain/good/00.png,a\ntest/good/00.png,a\n")
    assert "1 groups have images" in warnings_of(compare())


def test_anomalies_without_a_mask_do_not_count_in_pixels(compare, dataset):
    Image.new("L", (64, 64)).save(dataset / "ground_truth" / "stain" / "00_mask.png")
    comparison = compare(scores={"hog": brightness, "patchcore": smoothness})
    assert "1 of 6 test anomalies (stain) have no mask, or an empty one" in warnings_of(comparison)


# Files that cannot be used


def test_broken_images_are_refused_or_listed(compare, dataset):
    broken = dataset / "test" / "good" / "04.png"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(InputError, match=r"04\.png"):
        compare()
    assert compare.made == [] and not compare.output.exists()
    comparison = compare(on_error="skip")
    (reject,) = comparison.metrics["rejects"]
    assert reject["name"] == "test/good/04.png" and "04.png" in reject["reason"]
    assert comparison.metrics["n_test_normal"] == tiny_comparison.N_GOOD - 1
    assert "04.png" not in (compare.output / "scores.csv").read_text().split("test/hole")[0]


def test_a_mask_of_another_size_is_refused_or_listed(compare, dataset):
    Image.new("L", (32, 64), 255).save(dataset / "ground_truth" / "hole" / "01_mask.png")
    with pytest.raises(InputError, match="Expected a mask of 64 x 64 pixels.* 64 x 32"):
        compare()
    comparison = compare(on_error="skip")
    assert comparison.metrics["rejects"][0]["name"] == "test/hole/01.png (mask)"
    assert comparison.metrics["n_test_anomalous"] == 6


def test_too_few_readable_images(compare, dataset):
    for path in (dataset / "test" / "good").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(InputError, match="0 normal and 6 anomalous for the test"):
        compare(on_error="skip")


def test_a_refusing_detector_is_named(compare):
    class Refusing(FakeDetector):
        def fit(self, *args, **kwargs):
            raise InputError("Expected a larger size.")

    with pytest.raises(InputError, match=r"gaussian: Expected a larger size\."):
        compare(fakes={"gaussian": Refusing(smoothness)})


def test_scores_that_are_no_numbers(compare):
    with pytest.raises(InputError, match="gaussian: Expected finite scores"):
        compare(fakes={"gaussian": FakeDetector(lambda levels, path: np.nan)})


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": ("ocsvn",)}, "Did you mean 'ocsvm'"),
        ({"kinds": ("x",)}, "got 'x'. Write several"),
        ({"kinds": ()}, "got none"),
        ({"resize": "squeeze"}, "Expected resize to be one of stretch"),
        ({"lighting": "dark"}, "Expected lighting"),
        ({"on_error": "cry"}, "Expected on_error"),
        ({"n_labelled": -1}, "at least 0"),
        ({"seed": -1}, "at least 0"),
        ({"false_alarm_rate": 0.0}, "false_alarm_rate"),
        ({"false_alarm_rate": 1.0}, "Write 5 % as 0.05"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(InputError, match=message):
        CompareOptions(**options)


def test_more_labels_than_the_test_can_give(compare):
    with pytest.raises(InputError, match="6 of 6 anomalies"):
        compare(n_labelled=6)


def test_a_false_alarm_rate_that_nothing_can_vouch_for(compare):
    with pytest.raises(InputError, match="at least 999 normal images"):
        compare(false_alarm_rate=0.001)
    assert compare.made == []


def test_the_output_lies_apart_from_the_images(dataset):
    with pytest.raises(OutputError, match="outside of the dataset"):
        compare_detectors(dataset, dataset / "report")


def test_an_output_that_cannot_be_written(compare, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="Expected to write"):
        compare(output="file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(compare, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="Expected to write"):
        compare(output="locked/report")


# Resuming


class Interrupting(FakeDetector):
    def fit(self, *args, **kwargs):
        raise KeyboardInterrupt


def test_an_interrupted_run_continues(compare):
    with pytest.raises(KeyboardInterrupt, match="1 finished detectors are safe in .*Run the same"):
        compare(fakes={"gaussian": Interrupting(smoothness)})
    assert not (compare.output / "metrics.json").exists()
    compare()
    assert compare.made == ["hog", "gaussian", "gaussian"]
    whole = compare(output="whole")
    resumed = strict(compare.output / "metrics.json")
    for one in (*resumed["detectors"], *whole.metrics["detectors"]):
        one["fit_seconds"] = one["ms_per_image"] = 0
    assert resumed == whole.metrics


def test_nothing_is_left_of_a_run_that_finished_nothing(compare):
    with pytest.raises(KeyboardInterrupt, match="^Run the same command"):
        compare(fakes={"hog": Interrupting(smoothness)})
    assert not compare.output.exists()


def test_run_again_and_more_detectors(compare):
    first = compare()
    again = compare(scores={"hog": brightness, "gaussian": smoothness, "patchcore": smoothness})
    assert compare.made == ["hog", "gaussian", "patchcore"]
    assert again.metrics["detectors"][:2] == first.metrics["detectors"]
    third = compare(scores={"hog": brightness, "patchcore": smoothness})
    assert compare.made == ["hog", "gaussian", "patchcore"]
    assert third.page.read_text().count("Heat map of patchcore") > 0


def test_other_settings_or_images_are_refused(compare, dataset):
    compare()
    for changed, named in (
        ({"seed": 3}, "seed"),
        ({"size": 96}, "size"),
        ({"resize": "fit"}, "resize"),
        ({"n_labelled": 2}, "its images, labelled"),
        ({"false_alarm_rate": 0.1}, "false alarm rate"),
    ):
        with pytest.raises(ResumeError, match=f"differs in {named}.*--overwrite"):
            compare(**changed)
    (dataset / "test" / "good" / "09.png").unlink()
    with pytest.raises(ResumeError, match="differs in its images"):
        compare()
    comparison = compare(overwrite=True)
    assert comparison.metrics["n_test_normal"] == tiny_comparison.N_GOOD - 1
    assert compare.made == ["hog", "gaussian"] * 2


def test_files_of_others_are_not_replaced(compare):
    compare.output.mkdir()
    (compare.output / "report.html").write_text("mine")
    (compare.output / "other.txt").write_text("mine too")
    with pytest.raises(ResumeError, match=r"without report\.html"):
        compare()
    assert (compare.output / "report.html").read_text() == "mine"
    compare(overwrite=True)
    assert (compare.output / "report.html").read_text() != "mine"
    assert (compare.output / "other.txt").read_text() == "mine too"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("gaussian-keep.json", b"{"),
        ("gaussian-keep.json", b"{}"),
        ("run.json", b"[1]"),
        ("patchcore-keep.npz", b"PK"),
    ],
)
def test_damaged_leftovers_are_told(compare, name, content):
    scores = {"hog": brightness, "gaussian": smoothness, "patchcore": smoothness}
    compare(scores=scores)
    (compare.output / ".finished" / name).write_bytes(content)
    with pytest.raises(ResumeError, match="--overwrite to begin anew"):
        compare(scores=scores)


def test_one_process_at_a_time(compare):
    class Nosy(FakeDetector):
        def fit(self, *args, **kwargs):
            with pytest.raises(ResumeError, match="another process"):
                compare()
            return self

    compare(fakes={"gaussian": Nosy(smoothness)})


def test_an_unreadable_image_that_is_readable_now_is_measured_again(compare, dataset, monkeypatch):
    """What was skipped is part of what a detector saw."""
    path = dataset / "test" / "good" / "04.png"
    content, times = path.read_bytes(), path.stat()
    path.write_bytes(b"x" * len(content))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    compare(on_error="skip")
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    compare(on_error="skip")
    assert compare.made == ["hog", "gaussian"] * 2


# For real


def test_hog_and_gaussian_on_tiny_images(dataset, tmp_path):
    lines = []
    comparison = compare_detectors(
        dataset,
        tmp_path / "report",
        CompareOptions(kinds=("gaussian", "hog"), size=64),
        tell=lines.append,
    )
    assert [line.split(":")[0] for line in lines] == ["[1/2] hog", "[2/2] gaussian"]
    assert entry(comparison, "gaussian")["image_auroc"] >= 0.95
    assert entry(comparison, "hog")["model_bytes"] > 0
    assert entry(comparison, "gaussian")["settings"]["size"] == 64
    assert strict(tmp_path / "report" / "metrics.json") == comparison.metrics


def test_records_of_ones_own(dataset, tmp_path, compare):
    comparison = compare([record for record in read_dataset(dataset)])
    assert comparison.metrics["dataset"] == "images"
