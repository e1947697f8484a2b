"""Searching: as exact search says, with filters, and what is no query or filter."""

import numpy as np
import pyarrow as pa
import pytest

from embedsvc.errors import InputError
from embedsvc.vectors.similarity import top_k


def test_it_finds_what_exact_search_finds(same_database, encoder):
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((300, 8), np.float32)
    queries = generator.standard_normal((5, 8), np.float32)
    collection = same_database("many", encoder)
    collection.add(vectors=vectors, ids=[str(at) for at in range(300)])
    found = collection.search(queries, k=7)
    positions, cosines = top_k(queries, vectors, k=7)
    assert found.column("id").to_pylist() == [str(at) for at in positions.ravel()]
    np.testing.assert_allclose(found.column("similarity"), cosines.ravel(), atol=1e-6)
    assert found.column("query").to_pylist() == [str(at) for at in range(5) for _ in range(7)]
    assert found.column("rank").to_pylist() == [1, 2, 3, 4, 5, 6, 7] * 5
    assert found.schema.field("similarity").type == pa.float32()


def test_a_text_finds_itself(reviews):
    found = reviews.search(["came broken", "late again"], k=1)
    assert found.column("id").to_pylist() == ['say "x"', "a"]
    assert found.column("text").to_pylist() == found.column("query").to_pylist()


def test_a_row_does_not_find_itself(reviews):
    found = reviews.search_like(["it's", "ü; DROP"], k=9)
    assert found.column("query").to_pylist() == ["it's"] * 4 + ["ü; DROP"] * 4
    assert all(row["id"] != row["query"] for row in found.to_pylist())


def test_a_filter_that_excludes_the_query_itself_still_gives_k(reviews):
    found = reviews.search_like("it's", k=2, where="stars < 5")
    assert len(found) == 2


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("stars > 2", ["it's", "ü; DROP"]),
        ("topic = 'make' AND stars < 3", ['say "x"']),
        ("stars IS NULL", ["e\\"]),
        ("id = 'it''s'", ["it's"]),
        ("text LIKE '%👍'", ["ü; DROP"]),
        ("TOPIC IN ('post')", ["a"]),
        ("stars > 100", []),
    ],
)
def test_filters(reviews, where, ids):
    found = reviews.search(np.ones(8), where=where)
    assert sorted(found.column("id").to_pylist()) == sorted(ids)
    assert found.column_names[:5] == ["query", "rank", "id", "similarity", "text"]
    assert reviews.count(where) == len(ids)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("starz > 1", r"stars \(int64\), topic \(string\), got 'starz > 1'.*'stars'"),
        ("stars > 'x'", "could not convert"),
        ("stars >", "parser error"),
        ("stars", "does not return a boolean"),
        ("'", "Unterminated"),
        (" ", "nothing"),
        ("1; DROP TABLE reviews", "does not return a boolean"),
        ("stars = (SELECT 1)", "not supported"),
        ("CAST(topic AS INT) > 1", "Cannot cast string"),
    ],
)
def test_a_bad_filter_is_told_with_the_columns(reviews, where, message):
    with pytest.raises(InputError, match=message) as told:
        reviews.search(np.ones(8), where=where)
    assert ".rs:" not in str(told.value)
    assert len(reviews) == 5


def test_columns_are_chosen(reviews):
    assert reviews.search(np.ones(8), columns=["topic"]).column_names[5:] == ["topic"]
    assert reviews.search(np.ones(8), columns=[]).column_names[5:] == []
    with pytest.raises(InputError, match=r"Expected a column 'topik'.*Did you mean 'topic'"):
        reviews.search(np.ones(8), columns=["topik"])


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (np.zeros(8), "zeros in the query 1"),
        (np.full(8, np.inf), "Expected finite numbers"),
        (np.ones(7), "queries of 8 dimensions, as the collection 'reviews' has, got 7"),
        ([], "Expected a query, got none"),
        (np.ones((1, 1, 8)), "shape"),
    ],
)
def test_what_is_no_query(reviews, query, message):
    with pytest.raises(InputError, match=message):
        reviews.search(query)


def test_unknown_ids_and_k(reviews):
    with pytest.raises(InputError, match="got 'zz', which is none of them"):
        reviews.search_like("zz")
    with pytest.raises(InputError, match="k to be at least 1"):
        reviews.search(np.ones(8), k=0)


def test_vectors_of_zeros_are_found_by_nobody_and_counted(reviews):
    reviews.add(ids=["zero"], vectors=np.zeros((1, 8)))
    assert "zero" not in reviews.search(np.ones(8), k=100).column("id").to_pylist()
    assert reviews.info(check=True)["check"]["zero_vectors"] == 1


def test_the_real_model_finds_by_meaning_and_skips_what_is_there(database, minilm):
    from embedsvc import Collection

    shop = Collection("shop", database=database, encoder=minilm)
    texts = ["The parcel arrived two weeks late.", "Great colour!", "", "My card was declined."]
    shop.add(texts=texts, columns={"stars": [1, 5, 3, 2]})
    assert shop.add(texts=texts, columns={"stars": [1, 5, 3, 2]}).unchanged == 4
    assert shop.search("slow delivery", k=1).column("text").to_pylist() == texts[:1]
    assert (
        shop.search("slow delivery", k=1, where="stars > 1 AND stars < 5")
        .column("text")
        .to_pylist()
        != texts[:1]
    )
    assert {"model", "model_sha256", "dim", "pooling", "normalize"} <= shop.metadata.keys()
    found = shop.search(texts[3], k=1).to_pylist()[0]
    assert found["similarity"] == pytest.approx(1, abs=1e-5)
