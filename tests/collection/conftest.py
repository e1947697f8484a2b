"""A collection in an empty folder, with an encoder that counts what it encodes."""

import pytest
from counting import CountingEncoder

from embedsvc.collection.collection import Collection


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
