"""Runs of `extract` with a fake encoder, in this process or in one that can be killed."""

import json
import subprocess
import sys
from pathlib import Path

import fake_encoder
import numpy as np
import pyarrow.parquet as pq
import pytest
from fake_encoder import FakeEncoder, FakeImageEncoder, find_images

from embedsvc.extract import windows
from embedsvc.extract.image_inputs import open_images
from embedsvc.extract.job import ExtractOptions, extract_to_file
from embedsvc.extract.rows import SourceOptions
from embedsvc.extract.sources import open_sources


class Extraction:
    """Extractions of texts in one folder, 16 rows a window."""

    kind = "texts"
    encoder = FakeEncoder
    columns = ("key",)
    driver = {}

    def __init__(self, folder):
        self.folder = folder

    def make(self, n=100, name="in.jsonl"):
        """An input of n rows; returns its path."""
        return self.lines(n, name)

    def ids(self, rows=range(100)):
        """What rows of `make` are called in the output."""
        return [str(i) for i in rows]

    def vectors(self, rows=range(100), **settings):
        return self.encoder(**settings).vectors_of([f"text number {i}" for i in rows])

    def where(self, i, name="in.jsonl"):
        """What a message calls a row."""
        return f"{name}, line {i + 1}"

    def with_defects(self):
        rows = [{"key": f"k{i}", "text": f"text {i}"} for i in range(100)]
        rows[5]["text"], rows[40]["text"], rows[90]["text"] = None, 7, ["x"]
        del rows[41]["text"]
        return self.write(rows)

    def mend(self, source, row):
        """Repair the defect in a row."""
        lines = source.read_text().splitlines(keepends=True)
        lines[row] = json.dumps({"key": "mended", "text": "fine"}) + "\n"
        source.write_text("".join(lines))

    def open(self, source, reading):
        return open_sources([str(source)], reading)

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
            self.open(source, reading),
            encoder or self.encoder(),
            output if output.is_absolute() else self.folder / output,
            reading=reading,
            options=ExtractOptions(**(options or {})),
            advance=advance or (lambda count: None),
        )

    def start(self, source, output, **job):
        """Start the driver; wait for its first word."""
        job = {"inputs": [str(source)], "output": str(output), **self.driver, **job}
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


class ImageExtraction(Extraction):
    """Extractions of files that stand for images."""

    kind = "images"
    encoder = FakeImageEncoder
    columns = ()
    driver = {"images": True}

    def make(self, n=100, name="in.photos"):
        """A folder of n images; returns its path."""
        folder = self.folder / name
        for i in range(n):
            path = folder / self.name(i)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.content(i))
        return folder

    def name(self, i):
        return f"{i // 10:02}/{i:04}.jpg"

    def content(self, i):
        return bytes([i % 200 + 1, i % 50 + 1]) + b"pixels of %d" % i

    def ids(self, rows=range(100)):
        return [self.name(i) for i in rows]

    def vectors(self, rows=range(100), **settings):
        return self.encoder(**settings).vectors_of([self.content(i) for i in rows])

    def where(self, i, name=""):
        return self.name(i)

    def with_defects(self):
        """Two files that are broken, one that is empty of pixels, and a link that leads nowhere."""
        folder = self.make()
        for i in (5, 40, 90):
            (folder / self.name(i)).write_bytes(b"\0broken")
        (folder / self.name(41)).unlink()
        (folder / self.name(41)).symlink_to("nowhere.jpg")
        return folder

    def mend(self, source, row):
        (source / self.name(row)).unlink()
        (source / self.name(row)).write_bytes(self.content(row))

    def open(self, source, reading):
        return open_images([str(source)], reading, scan=find_images)


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
def _short_windows(monkeypatch):
    for name in windows.WINDOW_ROWS:
        monkeypatch.setitem(windows.WINDOW_ROWS, name, 16)


@pytest.fixture
def job(tmp_path, _short_windows):
    return Extraction(tmp_path)


@pytest.fixture
def image_job(tmp_path, _short_windows):
    return ImageExtraction(tmp_path)


@pytest.fixture(params=[Extraction, ImageExtraction], ids=lambda one: one.kind)
def each_job(request, tmp_path, _short_windows):
    """What holds for every kind of input."""
    return request.param(tmp_path)


@pytest.fixture
def is_same():
    return same
