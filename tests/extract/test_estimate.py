"""What is known before a run."""

import numpy as np
from fake_encoder import FakeEncoder

from embedsvc.extract import estimate
from embedsvc.extract.estimate import dry_run
from embedsvc.extract.rows import SourceOptions
from embedsvc.extract.sources import open_sources


def sources(*paths, **options):
    return open_sources([str(path) for path in paths], SourceOptions(**options))


def test_dry_run(job):
    rows = [{"id": f"k{i % 99}", "text": "word " * (i % 20)} for i in range(100)]
    rows[5]["text"] = None
    found = dry_run(sources(job.write(rows), id_column="id"), FakeEncoder(sleep=0.01))
    lengths = np.array([i % 20 for i in range(99) if i != 5])
    assert (found.rows, found.rejects, len(found.examples)) == (98, 2, 2)
    assert (found.tokens, found.longest) == (lengths.sum(), 19)
    assert found.too_long == (lengths > 16).sum()
    assert found.histogram == {
        8: (lengths <= 8).sum(),
        16: ((lengths > 8) & (lengths <= 16)).sum(),
        32: (lengths > 16).sum(),
    }
    assert found.vector_bytes == 98 * 8 * 4
    assert found.seconds > 0
    assert job.left() == []


def test_dry_run_of_nothing_but_defects(job):
    found = dry_run(sources(job.write([{"text": 1}] * 30)), FakeEncoder())
    assert (found.rows, found.rejects, len(found.examples), found.seconds) == (0, 30, 5, 0.0)
    assert found.histogram == {}


def test_the_sample_stays_small_and_spans_everything(job, monkeypatch):
    sizes = []
    monkeypatch.setattr(estimate, "_seconds", lambda encoder, sample, tokens: sizes.append(sample))
    monkeypatch.setattr(estimate, "_SAMPLE_SIZE", 8)
    dry_run(sources(job.lines(5000)), FakeEncoder())
    (sample,) = sizes
    numbers = [int(text.split()[-1]) for text in sample]
    assert len(sample) <= 16
    assert min(numbers) < 500
    assert max(numbers) > 4000
