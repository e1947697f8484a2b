"""Whole extractions: what is computed, refused, continued and told."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from fake_encoder import FakeEncoder, FakeImageEncoder

from embedsvc.errors import InputError, OutputError, ResumeError
from embedsvc.extract.job import ExtractOptions, extract_to_file, extract_to_stream
from embedsvc.extract.kinds import IMAGES, TEXTS
from embedsvc.extract.rows import SourceOptions
from embedsvc.extract.sources import open_sources
from embedsvc.extract.standing import check_columns

# Rows with defects in what `with_defects` makes.
BAD = (5, 40, 41, 90)

SKIP = {"on_error": "skip"}
OVERWRITE = {"overwrite": True}


class Stop(Exception):
    pass


def stopping(job, window, error=Stop):
    """An encoder that fails at a window; the one before it is lost with it, as it was ahead."""

    def stop(number):
        if number == window:
            raise error

    return job.encoder(before_window=stop)


def half_done(job, source, output="out.parquet", **settings):
    with pytest.raises(Stop):
        job.run(source, output, encoder=stopping(job, 4), **settings)
    assert (job.folder / f"{output}.parts" / "part-000002.parquet").exists()


def ids(job, output="out.parquet"):
    return pq.read_table(job.folder / output)["id"].to_pylist()


def rejects(job, output="out.parquet"):
    lines = (job.folder / f"{output}.rejects.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def pipe_in(monkeypatch, text):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_progress_counts_every_row_once(each_job):
    counts = []
    source = each_job.make()
    half_done(each_job, source)
    summary = each_job.run(source, "out.parquet", advance=counts.append)
    assert sum(counts) == 100
    assert (summary.rows, summary.resumed) == (100, 48)
    assert each_job.left() == ["out.parquet"]


@pytest.mark.parametrize("name", ["out.parquet", "out.npy", "out.jsonl", "out.npz"])
def test_continued_equals_uninterrupted(each_job, name, is_same):
    source = each_job.make()
    each_job.run(source, f"whole.{name}", include_columns=each_job.columns)
    half_done(each_job, source, name, include_columns=each_job.columns)
    each_job.run(source, name, include_columns=each_job.columns)
    assert is_same(each_job.folder / name, each_job.folder / f"whole.{name}")


@pytest.mark.parametrize(
    ("settings", "encoder", "message"),
    [
        ({"column": "key"}, {}, "column was"),
        ({"id_column": "key"}, {}, "id_column was"),
        ({"include_columns": ("key",)}, {}, "include_columns was"),
        ({"encoding": "latin-1"}, {}, "encoding was"),
        ({"options": {"refuse_long": True}}, {}, "on_long was"),
        ({}, {"model": "other"}, "model was 'fake' and is 'other' now"),
        ({}, {"model_sha256": "1" * 64}, "model_sha256 was"),
        ({}, {"pooling": "cls"}, "pooling was 'mean' and is 'cls' now"),
        ({}, {"normalize": True}, "normalize was"),
        ({}, {"max_tokens": 8}, "max_tokens was"),
        ({}, {"on_long": "split"}, "on_long was"),
    ],
)
def test_other_settings_are_refused(job, settings, encoder, message):
    source = job.lines()
    half_done(job, source)
    before = sorted((job.folder / "out.parquet.parts").iterdir())
    with pytest.raises(ResumeError, match=message) as caught:
        job.run(source, "out.parquet", encoder=FakeEncoder(**encoder), **settings)
    assert "--overwrite" in str(caught.value)
    assert sorted((job.folder / "out.parquet.parts").iterdir()) == before
    again = settings.get("options", {}) | OVERWRITE
    encoder = FakeEncoder(**encoder)
    summary = job.run(source, "out.parquet", encoder=encoder, **{**settings, "options": again})
    assert (summary.resumed, encoder.n_encoded) == (0, 100)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"model": "other"}, "model was 'fake' and is 'other' now"),
        ({"pooling": "gem"}, "pooling was"),
        ({"size": [224, 256]}, r"size was \[224, 224\] and is \[224, 256\] now"),
        ({"resize": "fit"}, "resize was"),
        ({"lighting": "normalize"}, "lighting was"),
    ],
)
def test_other_settings_of_images_are_refused(image_job, described, message):
    source = image_job.make()
    half_done(image_job, source)
    with pytest.raises(ResumeError, match=message):
        image_job.run(source, "out.parquet", encoder=FakeImageEncoder(**described))
    image_job.run(source, "out.parquet")
    with pytest.raises(ResumeError, match="--overwrite"):
        image_job.run(source, "out.parquet", encoder=FakeImageEncoder(**described))


@pytest.mark.parametrize(
    ("change", "kept"),
    [("edit", 16), ("touch", 16), ("add", 16), ("remove", 16), ("rename", 16), ("cut", 0)],
)
def test_changed_images_are_refused(image_job, change, kept):
    job, source = image_job, image_job.make()
    half_done(job, source)
    picture = source / job.name(20)
    if change == "edit":
        picture.write_bytes(picture.read_bytes() + b"more")
    elif change == "touch":
        os.utime(picture, ns=(0, picture.stat().st_mtime_ns + 1))
    elif change == "add":
        (source / job.name(20)).with_suffix(".new.jpg").write_bytes(b"\1\1new")
    elif change == "remove":
        picture.unlink()
    elif change == "rename":
        picture.rename(picture.with_name("00200.jpg"))
    else:
        for path in source.rglob("*.jpg"):
            if path.name != "0000.jpg":
                path.unlink()
    message = "rows near .*00/0000.jpg|01/001.*.jpg have changed"
    with pytest.raises(ResumeError, match=message) as caught:
        job.run(source, "out.parquet")
    assert "--overwrite" in str(caught.value)
    assert job.run(source, "out.parquet", options=OVERWRITE).resumed == kept
    job.run(source, "fresh.parquet")
    table = pq.read_table(job.folder / "out.parquet")
    assert table.equals(pq.read_table(job.folder / "fresh.parquet"), check_metadata=True)
    picture.write_bytes(b"\1\1changed again")
    with pytest.raises(ResumeError, match="to be the result of the same command"):
        job.run(source, "out.parquet")


def test_images_added_where_nothing_was_done_yet_are_taken(image_job):
    source = image_job.make()
    half_done(image_job, source)
    (source / "99.jpg").write_bytes(b"\1\1new")
    summary = image_job.run(source, "out.parquet")
    assert (summary.rows, summary.resumed) == (101, 48)
    assert ids(image_job)[-1] == "99.jpg"


@pytest.mark.parametrize("change", ["edit", "append", "cut", "rename"])
def test_a_changed_input_is_refused(job, change):
    source = job.lines()
    half_done(job, source)
    lines = source.read_text().splitlines(keepends=True)
    if change == "edit":
        lines[40] = lines[40].replace("text number", "another text")
    elif change == "append":
        lines.append('{"text": "more"}\n')
    elif change == "cut":
        lines = lines[:20]
    source.write_text("".join(lines))
    if change == "rename":
        source = source.rename(job.folder / "in.other.jsonl")
    with pytest.raises(ResumeError, match="the input has changed"):
        job.run(source, "out.parquet")
    # What was done before the change is not lost.
    encoder = FakeEncoder()
    summary = job.run(source, "out.parquet", encoder=encoder, options=OVERWRITE)
    kept = {"edit": 32, "append": 48, "cut": 16, "rename": 48}[change]
    assert (summary.resumed, encoder.n_encoded) == (kept, len(lines) - kept)
    job.run(source, "fresh.parquet")
    assert pq.read_table(job.folder / "out.parquet").equals(
        pq.read_table(job.folder / "fresh.parquet"), check_metadata=True
    )


def test_a_stopped_overwrite_is_continued_by_the_same_command(each_job):
    job = each_job
    old, source = job.make(10, "in.old.jsonl"), job.make()
    job.run(old, "out.parquet")
    half_done(job, source, options=OVERWRITE)
    assert len(ids(job)) == 10
    with pytest.raises(ResumeError):
        job.run(source, "out.parquet")
    assert job.run(source, "out.parquet", options=OVERWRITE).resumed == 48
    assert len(ids(job)) == 100
    encoder = job.encoder()
    job.run(source, "out.parquet", options=OVERWRITE, encoder=encoder)
    assert encoder.n_encoded == 100


def test_standard_input_is_compared_row_by_row(job, monkeypatch):
    text = "".join(f"text {i}\n" for i in range(100))
    pipe_in(monkeypatch, text)
    half_done(job, "-")
    pipe_in(monkeypatch, text.replace("text 20\n", "other\n"))
    with pytest.raises(ResumeError, match=r"rows near stdin, line 17 have changed"):
        job.run("-", "out.parquet")
    pipe_in(monkeypatch, "".join(f"text {i}\n" for i in range(32)))
    with pytest.raises(ResumeError, match="fewer rows now"):
        job.run("-", "out.parquet")
    pipe_in(monkeypatch, text)
    assert job.run("-", "out.parquet").resumed == 48
    pipe_in(monkeypatch, text)
    assert job.run("-", "out.parquet").stood_already
    pipe_in(monkeypatch, text + "more\n")
    with pytest.raises(ResumeError, match="--overwrite"):
        job.run("-", "out.parquet")
    pipe_in(monkeypatch, text + "more\n")
    assert job.run("-", "out.parquet", options=OVERWRITE).rows == 101


def test_a_changed_standard_input_keeps_what_is_the_same(job, monkeypatch):
    text = "".join(f"text {i}\n" for i in range(100))
    pipe_in(monkeypatch, text)
    half_done(job, "-")
    for changed, kept in ((text.replace("text 20\n", "other\n"), 16), (text[:200], 16)):
        pipe_in(monkeypatch, changed)
        summary = job.run("-", "out.parquet", options=OVERWRITE)
        assert summary.resumed == kept
        assert summary.rows == changed.count("\n") + (not changed.endswith("\n"))
        (job.folder / "out.parquet").unlink()
        pipe_in(monkeypatch, text)
        half_done(job, "-", options=OVERWRITE)


def test_parts_that_a_crash_left_beside_a_finished_output_are_removed(each_job, monkeypatch):
    job, source = each_job, each_job.make()
    with monkeypatch.context() as patch:
        patch.setattr("embedsvc.extract.journal.Journal.remove", lambda self: None)
        job.run(source, "out.parquet")
    assert job.left() == ["out.parquet", "out.parquet.parts"]
    assert job.run(source, "out.parquet").stood_already
    assert job.left() == ["out.parquet"]


def test_a_defect_stops_the_run_and_loses_nothing(each_job):
    job, source = each_job, each_job.with_defects()
    job.mend(source, 5)
    first = job.where(41 if job.kind == "images" else 40)
    with pytest.raises(InputError, match=rf"^{first}: Expected .*--on-error skip"):
        job.run(source, "out.parquet")
    # The advice is right, and both windows before the defect are there already.
    encoder = job.encoder()
    summary = job.run(source, "out.parquet", options=SKIP, encoder=encoder)
    assert (summary.resumed, summary.rows, summary.rejects) == (32, 97, 3)
    assert encoder.n_encoded == 65 + 2 * (job.kind == "images")
    assert [one["where"] for one in rejects(job)] == [job.where(i) for i in (40, 41, 90)]
    # Without skipping, this output would not be.
    with pytest.raises(ResumeError):
        job.run(source, "out.parquet")


def test_a_defect_that_only_the_encoder_finds_loses_nothing_either(image_job):
    job, source = image_job, image_job.with_defects()
    for row in (5, 41):
        job.mend(source, row)
    with pytest.raises(InputError, match=r"^04/0040.jpg: .*something else.* To leave such images"):
        job.run(source, "out.parquet")
    encoder = job.encoder()
    summary = job.run(source, "out.parquet", options=SKIP, encoder=encoder)
    assert (summary.resumed, summary.rows, summary.rejects) == (32, 98, 2)


def test_rejects_are_written_once_and_in_order_after_a_stop(each_job):
    job, source = each_job, each_job.with_defects()
    job.run(source, "whole.parquet", options=SKIP)
    half_done(job, source, options=SKIP)
    summary = job.run(source, "out.parquet", options=SKIP)
    assert (summary.rows, summary.rejects) == (96, 4)
    assert [one["where"] for one in rejects(job)] == [job.where(i) for i in BAD]
    assert rejects(job) == rejects(job, "whole.parquet")
    keys = {"where", "file", "reason"} | ({"line", "text"} if job.kind == "texts" else set())
    assert rejects(job)[0].keys() == keys
    good = [i for i in range(100) if i not in BAD]
    assert ids(job) == job.ids(good)
    assert job.run(source, "out.parquet", options=SKIP).stood_already


def test_what_was_skipped_before_is_a_defect_again(each_job):
    job, source = each_job, each_job.with_defects()
    half_done(job, source, options=SKIP)
    with pytest.raises(InputError, match="skipped 1 images|in.jsonl, line 6"):
        job.run(source, "out.parquet")
    assert job.run(source, "out.parquet", options=SKIP).resumed == 45


def test_old_rejects_go_when_there_are_none(each_job):
    job = each_job
    job.run(job.with_defects(), "out.parquet", options=SKIP)
    job.run(job.make(20, "in.good.jsonl"), "out.parquet", options=SKIP | OVERWRITE)
    assert job.left() == ["out.parquet"]


def test_all_rows_rejected(job):
    source = job.write([{"text": i} for i in range(50)])
    with pytest.raises(InputError, match=r"got 50 defects and no text, see .*rejects.jsonl"):
        job.run(source, "out.parquet", options=SKIP)
    assert job.left() == ["out.parquet.rejects.jsonl"]
    assert [one["line"] for one in rejects(job)] == list(range(1, 51))


def test_no_image_can_be_read(image_job):
    source = image_job.make(50)
    for path in source.rglob("*.jpg"):
        path.write_bytes(b"\0")
    message = r"usable images in .*photos, got 50 defects and no image, see .*rejects.jsonl"
    with pytest.raises(InputError, match=message):
        image_job.run(source, "out.parquet", options=SKIP)
    assert image_job.left() == ["out.parquet.rejects.jsonl"]
    assert [one["file"] for one in rejects(image_job)] == image_job.ids(range(50))


def test_a_whole_window_that_cannot_be_read(image_job, is_same):
    job, source = image_job, image_job.make()
    for i in range(16, 48):
        (source / job.name(i)).write_bytes(b"\0")
    summary = job.run(source, "out.parquet", options=SKIP)
    assert (summary.rows, summary.rejects) == (68, 32)
    assert ids(job) == job.ids([*range(16), *range(48, 100)])
    half_done(job, source, "again.parquet", options=SKIP)
    assert job.run(source, "again.parquet", options=SKIP).resumed == 16
    assert is_same(job.folder / "out.parquet", job.folder / "again.parquet")


def test_files_that_cannot_be_read_are_rejects(job):
    good = job.lines(20)
    bad = job.folder / "in.bad.csv"
    bad.write_text("a,b\n1,2\n")
    reading = SourceOptions()

    def run(**options):
        return extract_to_file(
            open_sources([str(bad), str(good)], reading),
            FakeEncoder(),
            job.folder / "out.parquet",
            reading=reading,
            options=ExtractOptions(**options),
        )

    with pytest.raises(InputError, match=r"^in.bad.csv: Expected a column 'text'") as caught:
        run()
    assert "--on-error" not in str(caught.value)
    assert run(on_error="skip").rejects == 1
    (line,) = rejects(job)
    assert (line["where"], line["file"], line["line"]) == ("in.bad.csv", "in.bad.csv", None)


def test_repeated_ids(job):
    source = job.write([{"key": f"k{i % 60}", "text": f"text {i}"} for i in range(100)])
    with pytest.raises(InputError, match=r"line 61: Expected ids that occur once, got 'k0' again"):
        job.run(source, "out.parquet", id_column="key")
    summary = job.run(source, "out.parquet", id_column="key", options=SKIP)
    assert (summary.rows, summary.rejects, summary.resumed) == (60, 40, 48)
    assert ids(job) == [f"k{i}" for i in range(60)]


def long_texts(job):
    return job.write([{"text": "word " * (17 if i % 10 == 3 else 16)} for i in range(100)])


def test_long_texts_as_errors(job):
    source = long_texts(job)
    options = {"refuse_long": True}
    with pytest.raises(InputError, match=r"line 4: .* takes whole, got 17 tokens.*on-long"):
        job.run(source, "out.parquet", options=options)
    summary = job.run(source, "out.parquet", options=options | SKIP)
    assert (summary.rows, summary.rejects, summary.counts["truncated"]) == (90, 10, 0)
    assert [one["line"] for one in rejects(job)] == list(range(4, 101, 10))
    assert len(ids(job)) == 90


def test_long_texts_are_left_out_once_after_a_stop(job, is_same):
    source = long_texts(job)
    options = {"refuse_long": True} | SKIP
    job.run(source, "whole.parquet", options=options)
    half_done(job, source, options=options)
    with pytest.raises(InputError, match="skipped 2 texts that are too long near in.jsonl, line 1"):
        job.run(source, "out.parquet", options={"refuse_long": True})
    job.run(source, "out.parquet", options=options)
    assert is_same(job.folder / "out.parquet", job.folder / "whole.parquet")


def test_interrupted(each_job):
    job, source = each_job, each_job.make()
    with pytest.raises(KeyboardInterrupt) as caught:
        job.run(source, "out.parquet", encoder=stopping(job, 4, KeyboardInterrupt))
    assert str(caught.value) == (
        f"The 48 rows done so far are safe in {job.folder}/out.parquet.parts. "
        "Run the same command again to continue."
    )
    assert job.run(source, "out.parquet").resumed == 48


@pytest.mark.parametrize("name", ["id", "vector", "vectors", "n_tokens", "truncated", "metadata"])
def test_reserved_columns(job, name):
    with pytest.raises(InputError, match=f"got '{name}'. Rename"):
        job.run(job.lines(), "out.parquet", include_columns=(name,))
    assert job.left() == []


def test_each_kind_reserves_its_own_columns():
    check_columns(SourceOptions(include_columns=("height",)), TEXTS)
    check_columns(SourceOptions(include_columns=("n_tokens",)), IMAGES)
    with pytest.raises(InputError, match="id, vector, vectors, height, width, metadata"):
        check_columns(SourceOptions(include_columns=("width",)), IMAGES)


@pytest.mark.parametrize(
    ("columns", "message"),
    [({"column": "tekst"}, "text"), ({"id_column": "k"}, "id"), ({"include_columns": ("x",)}, "x")],
)
def test_missing_columns(job, columns, message):
    source = job.folder / "in.csv"
    source.write_text("text,key\na,1\n")
    with pytest.raises(InputError, match=f"^in.csv: Expected a column.*{message}"):
        job.run(source, "out.parquet", **columns)
    assert job.left() == []


def test_a_column_name_that_is_no_unicode(job):
    with pytest.raises(InputError, match=r"names of columns to be Unicode, got '\\xff'"):
        job.run(job.lines(), "out.parquet", column="\udcff")


@pytest.mark.parametrize("options", [{"dtype": "float64"}, {"on_error": "ignore"}])
def test_options_are_checked(options):
    with pytest.raises(InputError, match="to be one of"):
        ExtractOptions(**options)


def test_the_output_may_not_be_an_input(job):
    source = job.lines()
    before = source.read_bytes()
    with pytest.raises(InputError, match="apart from the inputs"):
        job.run(source, source, options=OVERWRITE)
    assert source.read_bytes() == before


def test_the_output_may_not_be_a_folder(job):
    (job.folder / "out.parquet").mkdir()
    with pytest.raises(OutputError, match="got a folder"):
        job.run(job.lines(), "out.parquet", options=OVERWRITE)


@pytest.mark.parametrize("name", ["no/such/out.parquet", "x" * 300 + ".npy", "x" * 240 + ".npy"])
def test_output_folders_are_made_and_long_names_refused(job, name):
    if len(name) > 100:
        with pytest.raises(OutputError):
            job.run(job.lines(), name)
    else:
        assert job.run(job.lines(), name).rows == 100


def test_a_full_disk_is_no_read_error(job):
    def broken(window):
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output") as caught:
        job.run(job.lines(), "out.parquet", encoder=FakeEncoder(before_window=broken))
    assert not isinstance(caught.value, OutputError)


# As a stream


def stream(job, source, target, *, options=None, **reading):
    reading = SourceOptions(**reading)
    found = []
    summary = extract_to_stream(
        job.open(source, reading),
        job.encoder(),
        target,
        reading=reading,
        options=ExtractOptions(**(options or {})),
        on_reject=found.append,
    )
    return summary, found


def test_stream(job):
    target = io.BytesIO()
    source = job.with_defects()
    summary, found = stream(job, source, target, options=SKIP, include_columns=("key",))
    lines = [json.loads(line) for line in target.getvalue().splitlines()]
    assert (summary.rows, summary.rejects, len(found)) == (96, 4, 4)
    assert lines[0].keys() == {"id", "vector", "n_tokens", "truncated", "key"}
    expected = FakeEncoder().vectors_of([f"text {i}" for i in range(100) if i not in BAD])
    assert np.array_equal(np.float32([line["vector"] for line in lines]), expected)


def test_stream_of_images(image_job):
    target = io.BytesIO()
    summary, found = stream(image_job, image_job.with_defects(), target, options=SKIP)
    lines = [json.loads(line) for line in target.getvalue().splitlines()]
    assert (summary.rows, [one.file for one in found]) == (96, image_job.ids(BAD))
    good = [i for i in range(100) if i not in BAD]
    assert [line["id"] for line in lines] == image_job.ids(good)
    assert np.array_equal(np.float32([line["vector"] for line in lines]), image_job.vectors(good))
    assert [(one["height"], one["width"]) for one in lines] == [(i + 1, i % 50 + 1) for i in good]


def test_stream_writes_what_comes_before_a_defect(job):
    target = io.BytesIO()
    rows = [{"text": f"text {i}"} for i in range(40)]
    with pytest.raises(InputError, match="line 41"):
        stream(job, job.write([*rows, {"text": None}]), target)
    assert target.getvalue().count(b"\n") == 32


def test_stream_has_no_other_dtype_and_no_empty_input(job):
    with pytest.raises(InputError, match="float32 vectors on a stream"):
        stream(job, job.lines(), io.BytesIO(), options={"dtype": "int8"})
    with pytest.raises(InputError, match="4 defects and no text.$"):
        stream(job, job.write([{"text": 1}] * 4), io.BytesIO(), options=SKIP)


def test_stream_to_a_full_disk(job):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with (
        pytest.raises(OutputError, match="JSON lines, but the disk is full"),
        Path("/dev/full").open("wb", buffering=0) as target,
    ):
        stream(job, job.lines(), target)


# Whole processes


def test_two_processes_on_one_output(job):
    source = job.lines(200)
    first = job.start(source, job.folder / "out.npy", sleep=0.2)
    second = job.start(source, job.folder / "out.npy")
    shown = job.end(second)
    assert (second.returncode, "another process is writing" in shown) == (9, True)
    assert first.wait(60) == 0
    first.stdout.close()
    assert job.left() == ["out.npy", "out.npy.ids.jsonl", "out.npy.metadata.json"]
    assert np.load(job.folder / "out.npy").shape == (200, 8)


@pytest.mark.parametrize("name", ["out.npy", pytest.param("out.parquet", marks=pytest.mark.slow)])
def test_killed_at_every_step_of_writing(each_job, name, is_same):
    """Die before each flush, rename or removal in turn; each time another run picks it up."""
    job, source = each_job, each_job.with_defects()
    settings = {"options": SKIP, "reading": {"include_columns": job.columns}, "window": 40}
    job.finish(source, job.folder / f"whole.{name}", **settings)
    step, done = 1, False
    while not done:
        for path in job.folder.glob(f"{name}*"):
            path.unlink()
        process = job.start(source, job.folder / name, die_at=step, **settings)
        process.communicate(timeout=60)
        done = process.returncode == 0
        assert done or process.returncode == -signal.SIGKILL
        job.finish(source, job.folder / name, **settings)
        assert is_same(job.folder / name, job.folder / f"whole.{name}"), step
        assert not [one for one in job.left() if "partial" in one or "parts" in one], step
        step += 3
    assert step > 15


def test_killed_while_joining(each_job, is_same):
    job, source = each_job, each_job.make()
    job.run(source, "whole.npy")
    process = job.start(source, job.folder / "out.npy", sleep_join=0.1)
    while not list(job.folder.glob(".out.npy.*.partial")):
        assert process.poll() is None
    process.kill()
    process.communicate()
    assert not (job.folder / "out.npy").exists()
    assert job.finish(source, job.folder / "out.npy")["resumed"] == 100
    assert is_same(job.folder / "out.npy", job.folder / "whole.npy")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["out.parquet", "out.jsonl"])
def test_killed_at_random_moments(each_job, name, is_same):
    random = np.random.default_rng(7)
    job, source = each_job, each_job.with_defects()
    settings = {"options": SKIP, "window": 2, "sleep": 0.01, "sleep_join": 0.005, "row_group": 30}
    job.finish(source, job.folder / f"whole.{name}", **settings)
    for _ in range(15):
        process = job.start(source, job.folder / name, **settings)
        with suppress(subprocess.TimeoutExpired):
            process.wait(random.uniform(0.0, 0.25))
        process.kill()
        process.communicate()
    job.finish(source, job.folder / name, **settings)
    assert is_same(job.folder / name, job.folder / f"whole.{name}")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MB, where the machine lets us have one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)]
    if os.name != "posix" or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("name", ["out.parquet", "out.npz", "out.npy", "out.jsonl"])
@pytest.mark.parametrize("free", [0, 5_000, 60_000, 90_000])
def test_a_disk_that_is_really_full(each_job, small_disk, is_same, name, free):
    """Full at the start, at a part, or while joining, as little or more space is left."""
    job, source = each_job, each_job.make(1000)
    job.run(source, f"whole.{name}", encoder=job.encoder(dim=16))
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    os.truncate(ballast, ballast.stat().st_size - free)
    with pytest.raises(OutputError, match="disk is full"):
        job.run(source, small_disk / name, encoder=job.encoder(dim=16))
    assert not (small_disk / name).exists()
    ballast.unlink()
    summary = job.run(source, small_disk / name, encoder=job.encoder(dim=16))
    assert summary.rows == 1000
    assert (summary.resumed > 0) == (free > 10_000)
    assert is_same(small_disk / name, job.folder / f"whole.{name}")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["out.parquet", "out.npy"])
def test_memory_does_not_grow_with_the_input(job, name):
    peaks = []
    for n in (20_000, 200_000):
        source = job.folder / f"in.{n}.txt"
        source.write_text("".join(f"this is the text of number {i}\n" for i in range(n)))
        settings = {"window": 2048, "rusage": True, "encoder": {"dim": 64}}
        process = job.start(source, job.folder / f"{n}.{name}", **settings)
        shown = job.end(process)
        assert process.returncode == 0, shown
        peaks.append(int(shown.splitlines()[-1]) / 1024)
    assert peaks[1] - peaks[0] < 60, peaks
