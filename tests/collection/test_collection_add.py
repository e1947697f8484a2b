"""Adding from Python: what is new, what changed, and what is not encoded again."""

import numpy as np
import pytest
from counting import CountingImageEncoder

import embedsvc
from embedsvc.errors import ArtifactError, InputError


def ids_of(collection):
    return sorted(collection.search(np.ones(8), k=100).column("id").to_pylist())


def test_rows_are_there_in_another_process(reviews, same_database):
    again = same_database()
    assert len(again) == 5
    assert again.metadata["model"] == "fake"
    assert ids_of(again) == sorted(["a", "it's", 'say "x"', "ü; DROP", "e\\"])


def test_what_is_there_is_not_encoded_again(reviews, encoder):
    before = encoder.n_encoded
    added = reviews.add(ids=["a", "it's"], texts=["late again", "well made"])
    assert (added.unchanged, added.new, encoder.n_encoded) == (2, 0, before)


def test_a_changed_text_is_encoded_and_keeps_other_columns(reviews, encoder):
    before = encoder.n_encoded
    added = reviews.add(ids=["a", "new"], texts=["late once more", "x"], columns={"stars": [2, 3]})
    assert (added.changed, added.new, encoder.n_encoded - before) == (1, 1, 2)
    (row,) = reviews.search_like("new", k=9, where="id = 'a'").to_pylist()
    assert (row["text"], row["stars"], row["topic"]) == ("late once more", 2, "post")
    assert len(reviews) == 6


def test_changed_columns_alone_keep_the_vector(reviews, encoder):
    before = encoder.n_encoded
    vector = reviews.rows_as_queries(["it's"]).vectors
    added = reviews.add(ids=["it's"], texts=["well made"], columns={"stars": [4]})
    assert (added.relabelled, encoder.n_encoded) == (1, before)
    assert reviews.count("id = 'it''s' AND stars = 4") == 1
    np.testing.assert_array_equal(reviews.rows_as_queries(["it's"]).vectors, vector)


def test_new_columns_are_null_in_older_rows(reviews):
    reviews.add(ids=["f"], texts=["fine"], columns={"country": ["DE"]})
    assert reviews.count("country IS NULL") == 5
    assert reviews.info()["columns"] == {"stars": "int64", "topic": "string", "country": "string"}


def test_values_of_another_type_are_refused_before_anything_is_written(reviews):
    with pytest.raises(InputError, match=r"row 2: Expected whole numbers in the column 'stars'"):
        reviews.add(texts=["x", "y"], columns={"stars": [3, "three"]})
    assert len(reviews) == 5


def test_texts_without_ids_are_one_row_wherever_they_stand(reviews):
    added = reviews.add(texts=["same", "other", "same"])
    assert (added.new, added.repeated) == (2, 1)
    assert reviews.add(texts=["other", "third"]).new == 1


def test_an_id_twice_is_refused(reviews):
    with pytest.raises(InputError, match="ids that occur once, got 'k' again"):
        reviews.add(ids=["k", "k"], texts=["x", "y"])
    with pytest.raises(InputError, match=r"ids that occur once.*'k' in the rows 1 and 2"):
        reviews.add(ids=["k", "k"], vectors=np.eye(2, 8))


def test_ready_vectors_beside_texts(reviews, encoder):
    before = encoder.n_encoded
    vectors = encoder.vectors_of(["one", "two"])
    reviews.add(ids=["1", "2"], vectors=vectors, texts=["one", "two"], metadata=encoder.describe())
    assert reviews.add(ids=["1"], vectors=vectors[:1], texts=["one"]).unchanged == 1
    assert encoder.n_encoded == before
    assert reviews.search("two", k=1).column("id").to_pylist() == ["2"]


def test_another_model_is_refused(reviews, same_database, encoder):
    other = type(encoder)(model="other", model_sha256="1" * 64)
    with pytest.raises(ArtifactError, match="model_sha256"):
        same_database(encoder=other).add(texts=["x"])
    with pytest.raises(ArtifactError, match="model_sha256"):
        reviews.add(vectors=np.eye(1, 8), metadata=other.describe())
    with pytest.raises(ArtifactError, match=r"dim 8 \(got 4\)"):
        reviews.add(vectors=np.eye(1, 4))
    assert len(reviews) == 5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Expected texts, images or vectors, got none"),
        ({"texts": "one"}, "Expected a list of texts, got a string"),
        ({"texts": ["x", 3]}, "got int at position 1"),
        ({"texts": ["\ud800"]}, "half a character"),
        ({"texts": ["x"], "ids": ["1", "2"]}, "1 texts, 2 ids"),
        ({"texts": ["x"], "columns": {"n": [1, 2]}}, "1 texts, 2 n"),
        ({"texts": []}, "Expected texts in the rows given, got none"),
        ({"vectors": np.full((1, 8), np.nan)}, "Expected finite numbers"),
        ({"vectors": [[1.0], [1.0, 2.0]]}, "rows of different lengths"),
        ({"texts": ["x"], "columns": {"text": [1]}}, "Expected columns with other names"),
        ({"texts": ["x"], "columns": {"_rowid": [1]}}, "none that begins with '_'"),
        ({"texts": ["x"], "columns": {"a.b": [1]}}, "Rename the column"),
        ({"texts": ["x"], "columns": {"Stars": [1]}}, "'Stars' beside 'stars'"),
        ({"images": ["x.jpg"]}, "Expected texts, as the collection 'reviews' holds, got images"),
    ],
)
def test_unusable_rows(reviews, given, message):
    with pytest.raises(InputError, match=message):
        reviews.add(**given)
    assert len(reviews) == 5


def test_a_model_that_gives_nan_leaves_nothing_behind(same_database, encoder):
    encoder.scale = np.nan
    collection = same_database("broken", encoder)
    with pytest.raises(ArtifactError, match="NaN or infinity for the rows given, row 1"):
        collection.add(texts=["x"])
    assert not collection.exists


def test_very_long_and_strange_texts(reviews):
    texts = ["long " * 200_000, "nul \0 inside", "line\nbreak", "'; --", "👩‍👩‍👧"]
    assert reviews.add(ids=["\t", "''", "a\0b", "%", "\\'"], texts=texts).new == 5
    assert reviews.add(ids=["\t", "''", "a\0b", "%", "\\'"], texts=texts).unchanged == 5
    assert reviews.remove(ids=["\t", "''", "a\0b", "%", "\\'"]) == 5


def test_images_are_called_by_their_path(database, tmp_path):
    (tmp_path / "one.jpg").write_bytes(b"\x05\x05one")
    (tmp_path / "bad.jpg").write_bytes(b"\0")
    encoder = CountingImageEncoder()
    photos = embedsvc.Collection("photos", database=database, encoder=encoder)
    assert photos.add(images=[tmp_path / "one.jpg"]).new == 1
    assert photos.add(images=[tmp_path / "one.jpg"]).unchanged == 1
    assert encoder.n_encoded == 1
    (tmp_path / "one.jpg").write_bytes(b"\x05\x05two")
    assert photos.add(images=[tmp_path / "one.jpg"]).changed == 1
    (row,) = photos.search(tmp_path / "one.jpg").to_pylist()
    assert row["id"] == row["image"] == str(tmp_path / "one.jpg")
    with pytest.raises(InputError, match="Expected an image"):
        photos.add(images=[tmp_path / "bad.jpg"])
    with pytest.raises(InputError, match="Expected images, as the collection 'photos' holds"):
        photos.add(texts=["x"])
