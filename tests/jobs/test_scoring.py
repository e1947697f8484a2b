"""Scores in windows: order, unusable images, and a run that is stopped and continued."""

import csv

import numpy as np
import pytest
from made_parts import good_part, write_part

from embedsvc.errors import InputError, OutputError, ResumeError
from embedsvc.extract import windows
from embedsvc.extract.journal import open_journal
from embedsvc.images.decode import decode_image
from embedsvc.images.loading import Failure
from embedsvc.jobs.detect_listing import ImageListing
from embedsvc.jobs.detect_places import open_images
from embedsvc.jobs.scoring import ScorePart, read_scored, score_missing
from embedsvc.jobs.scoring_csv import write_scores


class FakeBatch:
    def __init__(self, indices, scores):
        self.indices, self.scores = np.array(indices, np.int64), np.array(scores)


class FakeDetector:
    """Mean brightness as score, anomalous above 100; stops before an image, if told."""

    def __init__(self, *, stop=None, refuses="nothing", factor=1.0):
        self.stop, self.refuses, self.factor = stop, refuses, factor
        self.names = []

    def score_stream(self, images, *, on_error, on_failure, advance):
        assert on_error == "skip"
        for i, path in enumerate(images):
            if len(self.names) == self.stop:
                raise KeyboardInterrupt
            self.names.append(path.name)
            try:
                if path.name == self.refuses:
                    raise InputError("Expected another image.")
                score = self.factor * float(decode_image(path).mean())
            except InputError as err:
                on_failure(Failure(i, str(path), str(err)))
                continue
            advance(1)
            yield FakeBatch([i], [score])

    def p_value(self, scores):
        return 1 / (1 + np.asarray(scores))

    def label(self, scores):
        return (np.asarray(scores) > 100).astype(np.int64)


@pytest.fixture
def folder(tmp_path):
    for i in range(10):
        write_part(tmp_path / "images" / f"{i}.png", np.full((8, 8, 3), 20 * i, np.uint8))
    return tmp_path / "images"


@pytest.fixture
def score(tmp_path, folder, monkeypatch):
    """Score a folder in windows of 4 images; gives the rows of the journal."""
    monkeypatch.setitem(windows.WINDOW_ROWS, "images", 4)

    def run(
        detector=None, *, baseline=None, on_error="error", overwrite=False, output="out", **settings
    ):
        listing = ImageListing(open_images([folder], what="images"))
        target = tmp_path / output / "scores.csv"
        run.advanced = []
        with open_journal(target, settings, ScorePart, overwrite=overwrite) as journal:
            run.computed = score_missing(
                listing,
                detector or FakeDetector(),
                baseline,
                journal,
                on_error=on_error,
                overwrite=overwrite,
                advance=run.advanced.append,
            )
            write_scores(target, read_scored(journal), baseline=baseline is not None)
            return list(read_scored(journal))

    run.csv = lambda output="out": (tmp_path / output / "scores.csv").read_text(encoding="utf-8")
    return run


def test_rows_are_in_input_order_with_all_that_was_found(score):
    rows = score(baseline=FakeDetector(factor=2.0))
    assert [row.name for row in rows] == [f"{i}.png" for i in range(10)]
    assert [row.index for row in rows] == list(range(10))
    assert [row.score for row in rows] == [20.0 * i for i in range(10)]
    assert [row.is_anomaly for row in rows] == [i > 5 for i in range(10)]
    assert [row.baseline_score for row in rows] == [40.0 * i for i in range(10)]
    assert [row.baseline_is_anomaly for row in rows] == [i > 2 for i in range(10)]
    assert [row.p_value for row in rows] == [1 / (1 + 20.0 * i) for i in range(10)]
    assert score.computed == 3
    assert sum(score.advanced) == 10


@pytest.mark.parametrize("stop", [0, 1, 4, 6, 9])
def test_a_stopped_run_is_continued_and_the_result_is_the_same(score, stop):
    rows = score(output="whole")
    with pytest.raises(KeyboardInterrupt):
        score(FakeDetector(stop=stop))
    second = FakeDetector()
    assert [row.score for row in score(second)] == [row.score for row in rows]
    assert score.csv() == score.csv("whole")
    done_before = stop // 4 * 4
    assert len(second.names) == 10 - done_before
    assert sum(score.advanced) == 10


def test_unusable_images_stand_in_their_place(score, folder):
    (folder / "3.png").write_bytes(b"no image")
    (folder / "5.png").write_bytes(b"")
    rows = score(on_error="skip")
    assert [row.name for row in rows if row.error] == ["3.png", "5.png"]
    assert [row.score for row in rows if not row.error] == [
        20.0 * i for i in (0, 1, 2, 4, 6, 7, 8, 9)
    ]
    assert rows[3].score is None and rows[3].is_anomaly is None
    assert "3.png" in rows[3].error
    assert sum(score.advanced) == 10


def test_an_image_that_only_the_baseline_cannot_use_has_no_score(score):
    rows = score(baseline=FakeDetector(refuses="2.png", factor=2.0), on_error="skip")
    assert [row.name for row in rows if row.error] == ["2.png"]
    assert [row.baseline_score for row in rows if not row.error] == [
        2 * row.score for row in rows if not row.error
    ]


def test_an_unusable_image_stops_the_run_and_what_was_before_is_kept(score, folder):
    (folder / "6.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"6\.png: .*--on-error skip"):
        score()
    write_part(folder / "6.png", np.full((8, 8, 3), 120, np.uint8))
    second = FakeDetector()
    score(second)
    assert second.names == [f"{i}.png" for i in range(4, 10)]


def test_other_images_are_refused_or_replace_what_is_there(score, folder):
    with pytest.raises(KeyboardInterrupt):
        score(FakeDetector(stop=9))
    write_part(folder / "1.png", good_part(1))
    with pytest.raises(ResumeError, match=r"near 0\.png have changed"):
        score()
    rows = score(overwrite=True)
    assert rows[1].score == pytest.approx(float(good_part(1).mean()))


def test_other_settings_are_refused(score):
    with pytest.raises(KeyboardInterrupt):
        score(FakeDetector(stop=9), method="hog")
    with pytest.raises(ResumeError, match="method was 'hog' and is 'ocsvm' now"):
        score(method="ocsvm")


def test_a_full_disk_is_explained_and_the_run_continues(score, monkeypatch):
    from embedsvc.extract import journal

    real, calls = journal._append, []

    def full(path, line):
        calls.append(line)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(path, line)

    monkeypatch.setattr(journal, "_append", full)
    with pytest.raises(OutputError, match=r"disk is full.*The 4 rows done so far are safe"):
        score()
    assert len(score()) == 10
    assert score.computed == 2


def test_an_image_that_is_gone_is_a_defect(score, folder):
    (folder / "4.png").unlink()
    (folder / "4.png").symlink_to(folder / "nowhere.png")
    rows = score(on_error="skip")
    assert "No such file" in rows[4].error


def test_names_of_any_kind_survive_the_table(score, folder):
    names = ['a,"b".png', "line\nbreak.png", "<script>.png", "=1+1.png", "ä ✓.png"]
    for name in names:
        write_part(folder / name, good_part(1))
    score()
    read = list(csv.DictReader(score.csv().splitlines(keepends=True)))
    assert sorted(row["path"] for row in read) == sorted([*names, *(f"{i}.png" for i in range(10))])


def test_a_name_that_is_no_text_is_written_with_escapes(score, folder):
    import os

    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes((folder / "1.png").read_bytes())
    rows = score()
    assert [row.name for row in rows if row.name.startswith("caf")] == ["caf\\xe9.png"]
    assert [row.score for row in rows if row.name.startswith("caf")] == [20.0]


def test_the_table_has_no_baseline_columns_without_one(score):
    score()
    assert score.csv().splitlines()[0] == "path,score,p_value,is_anomaly,label,error"
    score(baseline=FakeDetector(), output="both", x=1)
    assert score.csv("both").splitlines()[1] == "0.png,0.0,1.0,0,,0.0,0,"
