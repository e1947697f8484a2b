"""What a training leaves beside its output, and what the next run says of it."""

import errno
import json
import re

import numpy as np
import pytest
from tiny_training import make_plan, make_rows, write_rows

from embedsvc.errors import ArtifactError, OutputError, ResumeError
from embedsvc.jobs.train_kept import Kept
from embedsvc.nets.training_state import TrainingState


def state(n_epochs):
    return TrainingState({"network.0": np.ones(2, np.float32)}, {"history": [{}] * n_epochs})


@pytest.fixture
def kept(tmp_path):
    """What is kept of a training; options are those of `make_plan`."""
    data = write_rows(tmp_path / "in.jsonl", make_rows(12))

    def make(tell=lambda line: None, **options):
        return Kept(make_plan(data, tmp_path / "model", **options), tell)

    return make


def test_nothing_is_kept(kept):
    one = kept()
    one.check(resume=False)
    one.take_over(resume=False)
    assert one.load() is None
    for check in (one.check, one.take_over):
        with pytest.raises(ResumeError, match="a training to continue in .*Leave --resume out"):
            check(resume=True)


def test_the_same_training_goes_on(kept):
    kept().save(state(2))
    told = []
    other = kept(told.append, overwrite=True)
    other.take_over(resume=False)
    assert other.n_epochs == 2 and told == []
    assert other.load().facts == state(2).facts
    assert told == ["Continuing after epoch 2 of the run before"]
    other.save(state(3))
    again = kept()
    again.check(resume=True)
    assert again.n_epochs == 3
    again.remove_unless_used()
    assert again.path.exists()


def test_another_training_is_refused_or_forgotten(kept):
    kept().save(state(2))
    for resume in (False, True):
        with pytest.raises(ResumeError, match="but seed was not given and is 3 now.*--overwrite"):
            kept(settings={"seed": 3}).take_over(resume=resume)
    other = kept(settings={"seed": 3}, overwrite=True)
    other.check(resume=False)
    assert other.path.exists() and other.n_epochs == 0
    other.take_over(resume=False)
    assert not other.path.exists()
    assert other.load() is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"settings": 3, "facts": {}}'])
def test_a_broken_checkpoint(kept, content):
    kept().save(state(2))
    (kept().path / "checkpoint.json").write_text(content)
    with pytest.raises(ResumeError, match="its checkpoint is broken.*add --overwrite"):
        kept().check(resume=False)
    kept(overwrite=True).take_over(resume=False)
    assert not kept().path.exists()


def test_a_damaged_array(kept):
    one = kept()
    one.save(state(2))
    about = json.loads((one.path / "checkpoint.json").read_text())
    (one.path / about["arrays"]).write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match="Remove .*checkpoint to train from the beginning"):
        kept().load()
    assert kept(overwrite=True).load() is None
    assert not one.path.exists()


def test_an_empty_folder_is_removed(kept):
    one = kept()
    one.path.parent.mkdir()
    one.remove_unless_used()
    assert not one.path.parent.exists()


@pytest.mark.parametrize(
    ("n_epochs", "raised", "error", "message"),
    [
        (0, KeyboardInterrupt(), KeyboardInterrupt,
         "^Run the same command again to begin anew: nothing was finished yet.$"),
        (1, KeyboardInterrupt(), KeyboardInterrupt,
         "^1 finished epoch is safe in .*model.parts. Run the same command again to continue.$"),
        (3, KeyboardInterrupt(), KeyboardInterrupt, "^3 finished epochs are safe in .*continue.$"),
        (2, OSError(errno.ENOSPC, "full"), OutputError,
         "the disk is full. 2 finished epochs are safe.*Make room.*to continue.$"),
        (0, OSError(errno.EACCES, "denied"), OutputError, "but got: denied. Make room.*begin anew"),
        (2, OutputError("No room."), OutputError, "^No room. 2 finished epochs are safe in "),
        (0, OutputError("No room."), OutputError, "^No room.$"),
        (1, ValueError("mine"), ValueError, "^mine$"),
    ],
)  # fmt: skip
def test_whoever_stops_is_told_what_is_kept(kept, n_epochs, raised, error, message):
    one = kept()
    if n_epochs:
        one.save(state(n_epochs))
    with pytest.raises(error) as found, one.explaining():
        raise raised
    assert re.search(message, str(found.value))
