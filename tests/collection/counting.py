"""Encoders that count what they encode, without TensorFlow; single texts and images too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "extract"))

from fake_encoder import FakeEncoder, FakeImageEncoder


class CountingEncoder(FakeEncoder):
    def encode(self, texts):
        return self.vectors_of(list(texts))


class CountingImageEncoder(FakeImageEncoder):
    def encode(self, images):
        return self.vectors_of([Path(one).read_bytes() for one in images])
