"""A collection in an empty folder, with an encoder that counts what it encodes."""

import sys
from pathlib import Path

import pytest

from embedsvc.collection.collection import Collection

sys.path.append(str(Path(__file__).parents[1] / "extract"))

from fake_encoder import FakeEncoder, FakeImageEncoder


class CountingEncoder(FakeEncoder):
    """As the real one: single texts too."""

    def encode(self, texts):
        return self.vectors_of(list(texts))


class CountingImageEncoder(FakeImageEncoder):
    def encode(self, images):
        return self.vectors_of([Path(one).read_bytes() for one in images])


@pytest.fixture
def encoder():
    return CountingEncoder()


@pytest.fixture
def database(tmp_path):
    return tmp_path / "database"


@pytest.fixture
def reviews(database, encoder):
    """Five rows: two columns, one with a null, and ids that SQL could choke on."""
    collection = Collection("reviews", database=database, encoder=encoder)
    collection.add(
        ids=["a", "it's", 'say "x"', "ü; DROP", "e\\"],
        texts=["late again", "well made", "came broken", "Größe passt 👍", ""],
        columns={"stars": [1, 5, 2, 4, None], "topic": ["post", "make", "make", "size", "size"]},
    )
    return collection


@pytest.fixture
def same_database(database):
    """Open the same collection anew, as another process would."""

    def open_again(name="reviews", encoder=None):
        return Collection(name, database=database, encoder=encoder or CountingEncoder())

    return open_again
