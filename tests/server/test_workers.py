"""The process that watches over the others; what they do is a stand-in's."""

import os
import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest
import stub_work

from embedsvc.errors import EmbedsvcError, WeightsError
from embedsvc.server import workers
from embedsvc.server.listening import listen
from embedsvc.server.process import Told
from embedsvc.server.settings import ServeSettings
from embedsvc.server.workers import Workers, core_shares

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run two stand-ins; what was told of their start, and said later."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def start(work):
        monkeypatch.setattr(workers, "work", work)
        heard = []
        told = Told(lambda: heard.append("listening"), heard.append)
        with listen("127.0.0.1", 0) as listener:
            watching = Workers(
                ServeSettings(workers=2), listener, told, say=heard.append, quiet=nullcontext
            )
            try:
                watching.run()
            finally:
                start.heard = heard
                assert listener.fileno() == -1
                assert not any(one.process.is_alive() for one in watching._workers)
                assert not list(Path(tmp_path).iterdir())
        return heard

    return start


def test_it_tells_once_when_all_are_ready_and_stops_all(run):
    heard = run(stub_work.stop_the_parent)
    assert heard.count("listening") == 1
    # The first to be ready may stop all before the second is.
    assert heard in (["listening"], ["listening", None])


def test_a_model_that_cannot_be_loaded_ends_all(run):
    with pytest.raises(WeightsError, match="Expected weights, got none."):
        run(stub_work.fail)
    assert None not in run.heard


def test_processes_that_die_before_they_are_ready_are_given_up(run):
    with pytest.raises(EmbedsvcError, match="3 that died before .*was ended by SIGKILL"):
        run(stub_work.die)
    assert run.heard == ["A process was ended by SIGKILL; another takes its place."] * 2


@pytest.mark.parametrize(
    ("cores", "n_workers", "shares"),
    [
        ([0, 1], 2, [{0}, {1}]),
        ([4, 5, 6, 7, 8], 2, [{4, 5, 6}, {7, 8}]),
        ([0, 1, 2], 3, [{0}, {1}, {2}]),
        ([0, 1], 3, [{0}, {1}, {0}]),
        ([3], 2, [{3}, {3}]),
        ([], 2, [set(), set()]),
        (list(range(8)), 1, [set(range(8))]),
    ],
)
def test_shares_of_the_cores(cores, n_workers, shares):
    assert core_shares(cores, n_workers) == shares
