"""Deterministic encoders without TensorFlow, and a driver that can be killed anywhere.

The driver takes one JSON argument, see `main`.
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

DIM = 8
MAX_TOKENS = 16


@dataclass
class FakeEncoded:
    vectors: np.ndarray
    n_tokens: np.ndarray
    truncated: np.ndarray


@dataclass
class FakeEncodedImages:
    vectors: np.ndarray
    heights: np.ndarray
    widths: np.ndarray
    failures: dict


class FakeEncoder:
    """Vectors come from a hash of the text; tokens are words, truncated above 16."""

    def __init__(self, *, dim=DIM, sleep=0.0, before_window=None, scale=1.0, **described):
        self.dim = dim
        self.sleep = sleep
        self.before_window = before_window
        self.scale = scale
        self.described = described
        self.n_encoded = 0
        self.n_windows = 0

    def describe(self):
        return {
            "model": "fake",
            "model_sha256": "0" * 64,
            "dim": self.dim,
            "pooling": "mean",
            "normalize": False,
            "max_tokens": MAX_TOKENS,
            "prompt": "",
            "on_long": "truncate",
            **self.described,
        }

    def token_counts(self, texts):
        return np.array([len(text.split()) for text in texts], np.int32)

    def encode_windows(self, windows, *, advance=lambda count: None):
        ahead = None
        # One window ahead, as the real encoder.
        for inputs in windows:
            encoded = self._encode(inputs, advance)
            if ahead is not None:
                yield ahead
            ahead = encoded
        if ahead is not None:
            yield ahead

    def _encode(self, inputs, advance):
        if self.before_window is not None:
            self.before_window(self.n_windows)
        time.sleep(self.sleep)
        self.n_windows += 1
        self.n_encoded += len(inputs)
        advance(len(inputs))
        return self._encoded(inputs)

    def _encoded(self, texts):
        n_tokens = self.token_counts(texts)
        return FakeEncoded(self.vectors_of(texts), n_tokens, n_tokens > MAX_TOKENS)

    def vectors_of(self, texts):
        contents = [text.encode() if isinstance(text, str) else text for text in texts]
        digests = b"".join(hashlib.shake_128(one).digest(4 * self.dim) for one in contents)
        words = np.frombuffer(digests, np.uint32).reshape(len(texts), self.dim)
        return ((words / 2**31 - 1.0) * self.scale).astype(np.float32)


class FakeImageEncoder(FakeEncoder):
    """Vectors come from a hash of the file; an "image" begins with height and width in bytes.

    A file that begins with a zero, or is not there, cannot be read.
    """

    def describe(self):
        return {
            "model": "fake",
            "model_sha256": "0" * 64,
            "dim": self.dim,
            "pooling": "mean",
            "normalize": False,
            "size": [224, 224],
            "resize": "stretch",
            "lighting": "keep",
            **self.described,
        }

    def encode_windows(self, windows, *, on_error="error", advance=lambda count: None):
        assert on_error == "skip"
        return super().encode_windows(windows, advance=advance)

    def _encoded(self, paths):
        contents, failures = [], {}
        for i, path in enumerate(paths):
            content = path.read_bytes() if path.exists() else b"\0"
            if content.startswith(b"\0"):
                failures[i] = f"Expected an image, got something else: {path}. Copy it again."
            else:
                contents.append(content)
        sizes = np.array([list(one[:2]) for one in contents], np.int32).reshape(-1, 2)
        vectors = self.vectors_of(contents)
        return FakeEncodedImages(vectors, sizes[:, 0], sizes[:, 1], failures)


def find_images(places):
    """The files of folders, by name."""
    from embedsvc.images.records import ImageRecord

    for place in map(Path, places):
        for path in sorted(place.rglob("*.jpg")):
            yield ImageRecord(path, path.relative_to(place).as_posix())


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def _die_at_nth(n):
    """Die just before the nth time something is flushed, renamed or removed for good."""
    import shutil

    left = n

    def counted(call):
        def wrapper(*args, **kwargs):
            nonlocal left
            left -= 1
            if left == 0:
                _die()
            return call(*args, **kwargs)

        return wrapper

    os.fsync = counted(os.fsync)
    Path.replace = counted(Path.replace)
    Path.unlink = counted(Path.unlink)
    shutil.rmtree = counted(shutil.rmtree)


def _say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(argument):
    """Run one extraction as a process of its own.

    Keys of the JSON: images (whether inputs are folders of them), inputs, output, reading, options,
    window (rows a window), sleep (seconds a window), sleep_join (seconds a part), die_at (see
    `_die_at_nth`), encoder.
    """
    from embedsvc.errors import EmbedsvcError
    from embedsvc.extract import journal, outputs, windows
    from embedsvc.extract.image_inputs import open_images
    from embedsvc.extract.job import ExtractOptions, extract_to_file
    from embedsvc.extract.rows import SourceOptions
    from embedsvc.extract.sources import open_sources

    job = json.loads(argument)
    windows.WINDOW_ROWS |= dict.fromkeys(windows.WINDOW_ROWS, job.get("window", 16))
    encoder = FakeImageEncoder if job.get("images") else FakeEncoder
    outputs._ROW_GROUP = job.get("row_group", outputs._ROW_GROUP)
    if job.get("sleep_join"):
        whole = journal.Journal.tables

        def slowly(self):
            for table in whole(self):
                time.sleep(job["sleep_join"])
                yield table

        journal.Journal.tables = slowly
    if job.get("die_at"):
        _die_at_nth(job["die_at"])
    reading = SourceOptions(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in job.get("reading", {}).items()}
    )
    _say("ready")
    try:
        sources = (
            open_images(job["inputs"], reading, scan=find_images)
            if job.get("images")
            else open_sources(job["inputs"], reading)
        )
        summary = extract_to_file(
            sources,
            encoder(sleep=job.get("sleep", 0.0), **job.get("encoder", {})),
            Path(job["output"]),
            reading=reading,
            options=ExtractOptions(**job.get("options", {})),
        )
    except EmbedsvcError as err:
        _say(f"{type(err).__name__}: {err}")
        sys.exit(9)
    except KeyboardInterrupt as err:
        _say(f"Interrupted: {err}")
        sys.exit(130)
    _say(json.dumps(vars(summary)))
    if job.get("rusage"):
        import resource

        _say(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    main(sys.argv[1])
