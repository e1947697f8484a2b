"""The command in this process with a fake encoder, or as a process of its own."""

import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import embedsvc.encoders
from embedsvc.cli.main import main


class FakeEncoder:
    """Lengths of texts as vectors, words as tokens, truncated above 16; no TensorFlow."""

    dim = 4

    def __init__(self, **settings):
        self.settings = settings

    def describe(self):
        return {
            "model": "fake",
            "model_sha256": "0" * 64,
            "dim": self.dim,
            "pooling": self.settings.get("pooling") or "mean",
            "normalize": False,
            "max_tokens": 16,
            "on_long": self.settings.get("on_long"),
        }

    def token_counts(self, texts):
        return np.array([len(text.split()) for text in texts], np.int32)

    def encode(self, texts):
        return FakeEncoded(texts, self).vectors

    def encode_windows(self, windows, *, advance=lambda count: None):
        for texts in windows:
            advance(len(texts))
            yield FakeEncoded(texts, self)


class FakeImageEncoder(FakeEncoder):
    """Sizes of files as vectors; what begins with "bad" cannot be read."""

    def describe(self):
        pooling = self.settings.get("pooling") or "mean"
        return {"model": "fake-image", "model_sha256": "1" * 64, "dim": 4, "pooling": pooling}

    def encode_windows(self, windows, *, on_error, advance=lambda count: None):
        assert on_error == "skip"
        for paths in windows:
            advance(len(paths))
            yield FakeEncodedImages(paths)


class FakeEncodedImages:
    def __init__(self, paths):
        contents = [path.read_bytes() for path in paths]
        good = [one for one in contents if not one.startswith(b"bad")]
        self.vectors = np.array([[len(one), 1, 2, 3] for one in good], np.float32).reshape(-1, 4)
        self.heights = np.full(len(good), 20, np.int32)
        self.widths = np.full(len(good), 30, np.int32)
        self.failures = {
            i: f"Expected a JPEG, got something else: {paths[i]}."
            for i, one in enumerate(contents)
            if one.startswith(b"bad")
        }


class FakeEncoded:
    def __init__(self, texts, encoder):
        self.vectors = np.array([[len(t), 1, 2, 3] for t in texts], np.float32).reshape(-1, 4)
        self.n_tokens = encoder.token_counts(texts)
        self.truncated = self.n_tokens > 16


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    """Run the command in this process, in an empty folder, with the fake encoder."""
    monkeypatch.chdir(tmp_path)
    loaded = []

    def load_encoder(model, **settings):
        loaded.append((model, settings))
        return (FakeImageEncoder if "resize" in settings else FakeEncoder)(**settings)

    # Only what the command itself asks for; the module would import TensorFlow.
    registry = type(sys)("embedsvc.encoders.registry")
    registry.load_encoder = load_encoder
    monkeypatch.setitem(sys.modules, "embedsvc.encoders.registry", registry)
    # Where another test has imported the real one, the package holds it by name.
    monkeypatch.setattr(embedsvc.encoders, "registry", registry, raising=False)

    def run(*arguments, exit_code=0, stdin=None):
        result = CliRunner().invoke(main, [str(one) for one in arguments], input=stdin)
        assert result.exit_code == exit_code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.output
        return result

    run.loaded = loaded
    return run


@pytest.fixture
def journalled():
    """Whole parts an unfinished run has promised: `journalled(OUT.parts)`."""

    def count(parts):
        path = parts / "journal.jsonl"
        return max(path.read_bytes().count(b"\n") - 1, 0) if path.exists() else 0

    return count


@pytest.fixture
def start(tmp_path):
    """Start the real command as a process, in the test's folder."""

    def run(*arguments, **options):
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        code = "from embedsvc.cli.main import main; main(prog_name='embedsvc')"
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.Popen(command, cwd=tmp_path, text=True, **{**pipes, **options})

    return run
