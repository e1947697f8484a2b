"""Runs of `extract` with a fake encoder, in this process or in one that can be killed."""

import json
import subprocess
import sys
from pathlib import Path

import fake_encoder
import numpy as np
import pyarrow.parquet as pq
import pytest
from fake_encoder import FakeEncoder

from embedsvc.extract import windows
from embedsvc.extract.job import ExtractOptions, extract_to_file
from embedsvc.extract.rows import SourceOptions
from embedsvc.extract.sources import open_sources


class Extraction:
    """Extractions in one folder, 16 rows a window."""

    def __init__(self, folder):
        self.folder = folder

    def lines(self, n=100, name="in.jsonl", **columns):
        """A file of n rows; returns its path."""
        rows = [
            {"key": f"k{i}", "text": f"text number {i}", **{k: v[i] for k, v in columns.items()}}
            for i in range(n)
        ]
        return self.write(rows, name)

    def write(self, rows, name="in.jsonl"):
        path = self.folder / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def run(self, source, output, *, encoder=None, advance=None, options=None, **reading):
        reading = SourceOptions(**reading)
        output = Path(output)
        return extract_to_file(
            open_sources([str(source)], reading),
            encoder or FakeEncoder(),
            output if output.is_absolute() else self.folder / output,
            reading=reading,
            options=ExtractOptions(**(options or {})),
            advance=advance or (lambda count: None),
        )

    def start(self, source, output, **job):
        """Start the driver; wait for its first word."""
        job = {"inputs": [str(source)], "output": str(output), **job}
        process = subprocess.Popen(
            [sys.executable, fake_encoder.__file__, json.dumps(job)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,  # A buffer could swallow more than the first line.
        )
        assert process.stdout.readline() == b"ready\n", process.communicate()[0]
        return process

    def end(self, process):
        """What a process still prints."""
        return process.communicate(timeout=120)[0].decode()

    def finish(self, source, output, **job):
        process = self.start(source, output, **job)
        shown = self.end(process)
        assert process.returncode == 0, shown
        return json.loads(shown.splitlines()[0])

    def left(self):
        """Names in the folder, inputs apart."""
        names = (path.name for path in self.folder.iterdir())
        return sorted(name for name in names if not name.startswith("in."))


def same(one, other):
    """Whether two outputs with all files beside them are equal."""
    if one.suffix == ".parquet":
        first, second = pq.read_table(one), pq.read_table(other)
        if not first.equals(second, check_metadata=True):
            return False
        n_groups = [pq.ParquetFile(path).num_row_groups for path in (one, other)]
        return n_groups[0] == n_groups[1] and rejects_of(one) == rejects_of(other)
    beside = [
        {p.name.removeprefix(path.name): p.read_bytes() for p in path.parent.glob(path.name + "*")}
        for path in (one, other)
    ]
    if one.suffix == ".npz":  # A zip has dates.
        with np.load(one) as first, np.load(other) as second:
            assert first.files == second.files
            return all((first[name] == second[name]).all() for name in first.files)
    return beside[0] == beside[1]


def rejects_of(path):
    path = path.with_name(path.name + ".rejects.jsonl")
    return path.read_bytes() if path.exists() else None


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.setattr(windows, "WINDOW_ROWS", 16)
    return Extraction(tmp_path)


@pytest.fixture
def is_same():
    return same
