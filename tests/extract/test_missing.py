"""Any computation over windows, continued where an earlier run stopped; vectors are not needed."""

from contextlib import closing
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from embedsvc.errors import InputError, ResumeError
from embedsvc.extract.journal import Part, open_journal
from embedsvc.extract.missing import MissingOptions, compute_missing
from embedsvc.extract.rows import SourceOptions

SETTINGS = {"layout": 1, "detector_sha256": "0"}


@dataclass(frozen=True, kw_only=True)
class ScoredPart(Part):
    n_anomalies: int


@dataclass(frozen=True)
class Scored:
    scores: list[float]
    failures: dict[int, str] = field(default_factory=dict)


class Scorer:
    """The size of a file as its score; stops at a window, if told."""

    def __init__(self, stop=None):
        self.stop = stop
        self.n_windows = 0

    def __call__(self, windows):
        for paths in windows:
            if self.n_windows == self.stop:
                raise KeyboardInterrupt
            self.n_windows += 1
            contents = {i: path.read_bytes() for i, path in enumerate(paths)}
            bad = {i: "Unreadable." for i, one in contents.items() if one.startswith(b"\0")}
            yield Scored([float(len(one)) for i, one in contents.items() if i not in bad], bad)


def score(job, source, compute, *, on_error="error", overwrite=False, **changed):
    """What a user of the journal does: a run whose parts have columns of its own."""
    inputs = job.open(source, SourceOptions())
    settings = {**SETTINGS, **changed, **inputs.settings()}
    output, advanced = job.folder / "scores.csv", []
    with open_journal(output, settings, ScoredPart, overwrite=overwrite) as journal:
        options = MissingOptions(on_error=on_error, overwrite=overwrite)
        work = compute_missing(inputs, compute, journal, options, advanced.append)
        with closing(work) as windows:
            for window, scored in windows:
                paths = [row.id for row in window.rows]
                record = ScoredPart(
                    index=window.index,
                    digest=window.digest,
                    rows=len(paths),
                    rejects=len(window.rejects),
                    n_anomalies=sum(one > 15 for one in scored.scores),
                )
                table = pa.table({"path": paths, "score": scored.scores})
                journal.add(table, record, [{"path": one.file} for one in window.rejects])
        rows = [row for table in journal.tables() for row in table.to_pylist()]
        rejects, records = [*journal.rejects()], [*journal.records]
        journal.remove()
    return rows, rejects, records, sum(advanced)


def test_a_run_with_its_own_columns(image_job):
    rows, rejects, records, _ = score(image_job, image_job.make(), Scorer())
    assert rows[37] == {"path": image_job.name(37), "score": 14.0}
    assert (len(rows), rejects) == (100, [])
    assert [record.rows for record in records] == [16] * 6 + [4]
    assert sum(record.n_anomalies for record in records) == 0
    assert image_job.left() == []


def test_it_is_continued(image_job):
    source = image_job.make()
    with pytest.raises(KeyboardInterrupt):
        score(image_job, source, Scorer(stop=3))
    with pytest.raises(ResumeError, match="detector_sha256 was '0' and is '1' now"):
        score(image_job, source, Scorer(), detector_sha256="1")
    scorer = Scorer()
    rows, _, records, advanced = score(image_job, source, scorer)
    assert (len(rows), scorer.n_windows, advanced) == (100, 4, 48)
    assert [row["path"] for row in rows] == image_job.ids()
    assert all(isinstance(record, ScoredPart) for record in records)


def test_failures_are_rejects_and_stay_in_step(image_job):
    source = image_job.with_defects()
    with pytest.raises(InputError, match="0005.jpg: Unreadable."):
        score(image_job, source, Scorer())
    with pytest.raises(KeyboardInterrupt):
        score(image_job, source, Scorer(stop=3), on_error="skip")
    rows, rejects, records, advanced = score(image_job, source, Scorer(), on_error="skip")
    assert [one["path"] for one in rejects] == image_job.ids((5, 40, 41, 90))
    assert [row["path"] for row in rows] == [
        name for i, name in enumerate(image_job.ids()) if i not in (5, 40, 41, 90)
    ]
    assert (len(records), records[2].rejects, advanced) == (7, 2, 45)


def test_nothing_is_kept_without_a_journal(image_job):
    inputs = image_job.open(image_job.make(20), SourceOptions())
    options = MissingOptions(on_error="error", overwrite=False)
    found = list(compute_missing(inputs, Scorer(), None, options, lambda count: None))
    assert [len(scored.scores) for _, scored in found] == [16, 4]


def test_closing_it_ends_the_computation(image_job):
    ended = []

    def compute(windows):
        try:
            for _ in windows:
                yield Scored([])
        finally:
            ended.append(True)

    inputs = image_job.open(image_job.make(), SourceOptions())
    options = MissingOptions(on_error="error", overwrite=False)
    work = compute_missing(inputs, compute, None, options, lambda count: None)
    next(work)
    work.close()
    assert ended == [True]
