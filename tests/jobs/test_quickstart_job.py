"""What the quick start finds and writes."""

import csv

import numpy as np
import pyarrow.parquet as pq
import pytest

from embedsvc.errors import OutputError
from embedsvc.jobs import quickstart
from embedsvc.jobs.quickstart import NEIGHBOURS, VECTORS, run_quickstart


class Encoded:
    def __init__(self, texts):
        # Counts of letters: near enough to tell that equal words are near.
        letters = np.array([[text.lower().count(c) for c in "abcdefghijklmnop"] for text in texts])
        self.vectors = letters.astype(np.float32) + 0.1
        self.n_tokens = np.array([len(text.split()) for text in texts], np.int32)
        self.truncated = np.zeros(len(texts), bool)


class LetterEncoder:
    dim = 16

    def describe(self):
        return {"model": "letters", "dim": 16, "max_tokens": 99}

    def encode_windows(self, windows, *, advance=lambda count: None):
        for texts in windows:
            advance(len(texts))
            yield Encoded(texts)


@pytest.fixture(autouse=True)
def letters(monkeypatch):
    monkeypatch.setattr(quickstart, "load_encoder", lambda name: LetterEncoder())


def test_results(tmp_path):
    counts = []
    result = run_quickstart(tmp_path / "new" / "folder", advance=counts.append)
    folder = tmp_path / "new" / "folder"
    assert sorted(path.name for path in folder.iterdir()) == [VECTORS, NEIGHBOURS]
    assert sum(counts) == result.summary.rows == 320
    assert result.dim == 16
    table = pq.read_table(folder / VECTORS)
    assert set(table.column_names) == {"id", "vector", "n_tokens", "truncated", "text", "topic"}
    assert result.n_topics == len(set(table["topic"].to_pylist())) > 1
    assert 0.0 <= result.same_topic <= 1.0
    assert len(result.examples) == 3
    topics = dict(zip(table["text"].to_pylist(), table["topic"].to_pylist(), strict=True))
    assert len({topics[text] for text, _ in result.examples}) == 3
    for text, near in result.examples:
        cosines = [other.cosine for other in near]
        assert len(near) == 3
        assert text not in [other.text for other in near]
        assert cosines == sorted(cosines, reverse=True)


def test_the_table_of_neighbours(tmp_path):
    run_quickstart(tmp_path)
    with (tmp_path / NEIGHBOURS).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 320 * 3
    assert [row["rank"] for row in rows[:4]] == ["1", "2", "3", "1"]
    assert all(-1.0001 <= float(row["cosine"]) <= 1.0001 for row in rows)
    assert not [row for row in rows if row["text"] == row["neighbour_text"]]


def test_a_second_run_replaces_the_first(tmp_path):
    run_quickstart(tmp_path)
    before = (tmp_path / NEIGHBOURS).read_bytes()
    (tmp_path / VECTORS).write_bytes(b"something else")
    run_quickstart(tmp_path)
    assert (tmp_path / NEIGHBOURS).read_bytes() == before
    assert pq.read_metadata(tmp_path / VECTORS).num_rows == 320


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Expected a folder"):
        run_quickstart(tmp_path / "file" / "folder")


def test_a_full_disk_for_the_neighbours(tmp_path, monkeypatch):
    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(quickstart, "atomic_write", full)
    with pytest.raises(OutputError, match=r"neighbours.csv, but the disk is full"):
        run_quickstart(tmp_path)
