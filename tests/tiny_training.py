"""Labelled texts that a tiny BERT can tell apart, and trainings of it that take a second.

As a script it trains in a process of its own that can be killed; see `main`.
"""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
from tiny_folders import tiny_weights, write_tiny_bert

WORDS = {"animal": "cat dog cow pig hen", "number": "1 2 3 4 5 77", "sign": "! ? + - ; :"}


def make_rows(n_texts, labels=tuple(WORDS), *, seed=0):
    """Rows with a text and its label, each label as often as the others."""
    rng = np.random.default_rng(seed)
    chosen = [labels[i % len(labels)] for i in range(n_texts)]
    return [
        {"text": " ".join(rng.choice(WORDS[one].split(), rng.integers(2, 6))), "label": one}
        for one in chosen
    ]


def write_rows(path, rows):
    """Write rows as JSON lines, and return the path as text."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def make_plan(
    data, output, *, label="label", separator=None, weight=None, validation=(), test=(), **options
):
    """The plan of a training; `options` are those of `TrainOptions`."""
    from embedsvc.jobs.label_columns import LabelColumns
    from embedsvc.jobs.labelled_reading import LabelledReading
    from embedsvc.jobs.train_options import TrainOptions
    from embedsvc.jobs.train_plan import plan_training

    columns = LabelColumns(tuple(label.split(",")), separator)
    return plan_training(
        [str(data)],
        output,
        reading=LabelledReading(columns, sample_weight=weight),
        options=TrainOptions(**options),
        validation=[str(one) for one in validation],
        test=[str(one) for one in test],
    )


def write_small_bert(folder):
    """A tiny BERT of one layer: what a training of it takes is nearly all compilation."""
    weights = tiny_weights(n_layers=1)
    return write_tiny_bert(folder, config={"num_hidden_layers": 1}, weights=weights)


def shorten_head_training(patch=setattr):
    """Let the head, which fine-tuning starts from, learn for 20 epochs instead of 200."""
    from embedsvc.classify import fitting

    patch(fitting, "_HEAD_STEPS", 1)


def main(argument):
    """Train as a process; keys of the JSON: data, output, options, die_after."""
    from embedsvc.jobs.train import run_training, standing

    job = json.loads(argument)
    shorten_head_training()

    def die(record):
        if record.epoch == job.get("die_after"):
            os.kill(os.getpid(), signal.SIGKILL)

    plan = make_plan(job["data"], Path(job["output"]), **job["options"])
    if standing(plan) is None:
        run_training(plan, on_epoch=die)


if __name__ == "__main__":
    main(sys.argv[1])
