"""Where collections are, what they are called, what is listed, and what is removed."""

from pathlib import Path

import numpy as np
import pytest

from embedsvc import Collection, list_collections
from embedsvc.collection.database import default_folder, find_database
from embedsvc.collection.engine import explaining, is_conflict, load_lancedb, reason_of
from embedsvc.collection.names import sql_ids, unknown_name
from embedsvc.errors import ArtifactError, InputError, MissingExtraError, OutputError


def test_the_place_is_given_or_in_the_environment_or_the_users_data(tmp_path, monkeypatch):
    monkeypatch.delenv("EMBEDSVC_DATABASE", raising=False)
    assert find_database().folder == default_folder()
    assert default_folder().name == "collections"
    monkeypatch.setenv("EMBEDSVC_DATABASE", str(tmp_path / "there"))
    assert find_database().folder == tmp_path / "there"
    assert find_database(tmp_path).folder == tmp_path
    assert find_database("~/x").folder == Path.home() / "x"
    assert find_database("s3://bucket/a/").place == "s3://bucket/a"
    assert find_database("s3://bucket/a").folder is None


@pytest.mark.parametrize("place", ["db://cloud", "https://x/y", "memory://", "file:///tmp"])
def test_other_addresses_are_refused(place):
    with pytest.raises(InputError, match="begins with s3://, gs:// or az://"):
        find_database(place)


def test_a_file_is_no_database(tmp_path):
    (tmp_path / "file.csv").write_text("x")
    with pytest.raises(InputError, match=r"got the file .*file\.csv"):
        find_database(tmp_path / "file.csv")
    with pytest.raises(InputError, match="Expected a folder"):
        find_database("x" * 5000)
    with pytest.raises(OutputError, match="Expected to write in .*Not a directory"):
        Collection("x", database=find_database(tmp_path / "file.csv" / "in").place).add(
            vectors=np.eye(2)
        )


@pytest.mark.parametrize("name", ["", "a b", "../x", "é", "-x", ".x", "x" * 101, "x.lance", "a/b"])
def test_names_that_are_none(name, database):
    with pytest.raises(InputError, match="Expected a name of letters, digits"):
        Collection(name, database=database)


def test_an_unknown_name_is_told_with_those_there_are(reviews, same_database):
    with pytest.raises(InputError, match=r"collections 'reviews'\. Did you mean 'reviews'\?"):
        len(same_database("revews"))
    assert "no collections at all" in str(unknown_name("x", [], "here"))


def test_looking_makes_no_folder(database):
    assert list_collections(database) == []
    assert not Collection("x", database=database).exists
    assert not database.exists()


def test_collections_are_listed_with_what_they_hold(reviews, same_database, database):
    same_database("other").add(vectors=np.eye(3), ids=["a", "b", "c"])
    (database / "empty.lance").mkdir()
    empty, other, first = list_collections(database)
    assert (first.name, first.rows, first.dim, first.model) == ("reviews", 5, 8, "fake")
    assert first.bytes > 0
    assert first.changed[:4].isdigit()
    assert (other.name, other.rows, other.dim, other.model) == ("other", 3, 3, None)
    assert empty.rows is None
    assert "empty" in empty.problem


def test_info_tells_what_it_is_made_of(reviews, database):
    info = reviews.info(check=True)
    assert (info["rows"], info["of"], info["index"]) == (5, "texts", None)
    assert info["columns"] == {"stars": "int64", "topic": "string"}
    assert info["metadata"]["model_sha256"] == "0" * 64
    assert info["bytes_with_old_versions"] >= info["bytes"] > 0
    assert info["database"] == str(database)
    assert info["check"] == {
        "recall_at_10": None,
        "queries": 0,
        "seed": 0,
        "unique_ids": 1.0,
        "broken_vectors": 0,
        "zero_vectors": 0,
    }
    assert repr(reviews).startswith("Collection('reviews', database=")


def test_rows_are_removed_by_id_and_by_filter(reviews, same_database):
    assert reviews.remove(ids=["it's", "e\\", "unknown"]) == 2
    assert reviews.remove(where="topic = 'size'") == 1
    assert len(same_database()) == 2
    assert reviews.remove(ids=[]) == 0
    reviews.add(ids=["it's"], texts=["back"])
    assert len(reviews) == 3


def test_an_empty_collection_can_be_searched_and_grown(reviews):
    assert reviews.remove(where="id IS NOT NULL") == 5
    found = reviews.search(np.ones(8))
    assert len(found) == 0
    assert found.column_names == ["query", "rank", "id", "similarity", "text", "stars", "topic"]
    assert reviews.info(check=True)["check"]["unique_ids"] == 1
    assert reviews.add(texts=["x"]).new == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "both or neither"),
        ({"ids": ["a"], "where": "stars > 1"}, "both or neither"),
        ({"ids": "a"}, r"got the string 'a'. Pass \['a'\]"),
        ({"where": "starz > 1"}, "stars"),
        ({"where": ""}, "nothing"),
    ],
)
def test_what_is_not_removed(reviews, options, message):
    with pytest.raises(InputError, match=message):
        reviews.remove(**options)
    assert len(reviews) == 5


def test_a_collection_is_dropped_and_made_anew(reviews, database):
    reviews.drop()
    assert not reviews.exists
    with pytest.raises(InputError, match="no collections at all"):
        reviews.drop()
    assert reviews.add(texts=["x"]).new == 1
    assert len(reviews) == 1


def test_without_lancedb_the_extra_is_named(reviews, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lancedb", None)
    with pytest.raises(MissingExtraError, match=r'pip install "embedsvc\[collect\]"'):
        load_lancedb()
    with pytest.raises(MissingExtraError):
        list_collections("somewhere/that/is/not")


def test_messages_of_the_engine_are_cleaned():
    told = "lance error: LanceError(IO): It broke, /root/x/y.rs:12:3"
    assert reason_of(RuntimeError(told)) == "It broke"
    assert reason_of(RuntimeError("")) == "RuntimeError"
    assert is_conflict(RuntimeError("Retryable commit conflict for version 3"))
    expected = "Expected x, got: It broke. Cure it."
    with pytest.raises(ArtifactError, match=expected), explaining("x", "Cure it."):
        raise RuntimeError(told)
    with pytest.raises(OutputError, match="may not be written to"), explaining("x", ""):
        raise OSError(13, "Permission denied")
    with pytest.raises(InputError), explaining("x", ""):
        raise InputError("as it is")


def test_ids_are_quoted_for_sql():
    assert sql_ids(["a", "it's", "'"]) == "id IN ('a', 'it''s', '''')"
