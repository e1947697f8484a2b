"""A classifier without TensorFlow, and the model.json of one: for what is around a classifier.

As a script it predicts in a process of its own that can be killed; see `main`.
"""

import hashlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MAX_TOKENS = 4


@dataclass
class FakePredicted:
    vectors: np.ndarray
    n_tokens: np.ndarray
    truncated: np.ndarray
    probabilities: np.ndarray


class FakeClassifier:
    """Probabilities come from a hash of the text; tokens are words, truncated above 4."""

    def __init__(self, task="multiclass", n_labels=3, *, before_window=None, broken=False):
        self.task, self.n_labels = task, n_labels
        self.before_window, self.broken = before_window, broken
        self.thresholds_ = np.full(n_labels, 0.5)
        self.n_windows = self.n_texts = 0

    def predict_windows(self, windows, *, advance=lambda count: None):
        for texts in windows:
            if self.before_window is not None:
                self.before_window(self.n_windows)
            self.n_windows += 1
            self.n_texts += len(texts)
            advance(len(texts))
            n_tokens = np.array([len(text.split()) for text in texts], np.int32)
            probabilities = self.predict_proba(texts)
            if self.broken:
                probabilities[:] = np.nan
            vectors = np.zeros((len(texts), 2), np.float32)
            yield FakePredicted(vectors, n_tokens, n_tokens > MAX_TOKENS, probabilities)

    def predict_proba(self, texts):
        width = 1 if self.task == "binary" else self.n_labels
        digests = [hashlib.shake_128(text.encode()).digest(width) for text in texts]
        raw = np.array([list(one) for one in digests], np.float64).reshape(len(texts), width) / 255
        if self.task == "binary":
            raw = np.hstack([1 - raw, raw])
        elif self.task == "multiclass":
            raw = np.exp(raw * 4)
            raw /= raw.sum(axis=1, keepdims=True)
        return raw.astype(np.float32)


def write_model(folder, task="multiclass", labels=("a", "b", "c"), **changes):
    """What a saved classifier says of itself, without its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {"format": 1, "what": "text-classifier", "task": task, "labels": list(labels)}
    about |= {"max_tokens": MAX_TOKENS, **changes}
    (folder / "model.json").write_text(json.dumps(about))
    return folder


def main(argument):
    """Predict as a process; keys of the JSON: model, inputs, output, options, window, die_at."""
    from embedsvc.extract import windows
    from embedsvc.jobs.predict import predict_to_file
    from embedsvc.jobs.predict_options import PredictOptions
    from embedsvc.jobs.predict_plan import plan_prediction

    job = json.loads(argument)
    windows.WINDOW_ROWS["texts"] = job.get("window", 16)
    left = job.get("die_at", 0)

    def counted(call):
        def wrapper(*args, **kwargs):
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return wrapper

    os.fsync = counted(os.fsync)
    Path.replace = counted(Path.replace)
    Path.unlink = counted(Path.unlink)
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in job["options"].items()}
    plan = plan_prediction(
        job["model"], job["inputs"], job["output"], options=PredictOptions(**options)
    )
    classifier = FakeClassifier(before_window=lambda n: time.sleep(job.get("sleep", 0)))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if plan.standing() is None:
        predict_to_file(plan, plan.output, classifier)


if __name__ == "__main__":
    main(sys.argv[1])
