"""/v1/embeddings, /v1/similarity, /v1/classify, /v1/tokenize and /v1/models with tiny models."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from embedsvc.encoders.registry import load_encoder
from embedsvc.store.classifiers import load_classifier

TEXTS = ["late parcel", "the package is delayed", "a", "", "cat " * 20, "late parcel"]


@pytest.fixture(scope="module")
def encoder(served_folders):
    return load_encoder(served_folders["tiny"])


def embed(client, texts, **fields):
    answer = client.post("/v1/embeddings", json={"input": texts, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def vectors_of(answer):
    return np.array([one["embedding"] for one in answer["data"]], np.float32)


def error_of(answer, status):
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


# Embeddings


def test_vectors_are_those_of_the_library(client, encoder):
    answer = embed(client, TEXTS, truncate=True)
    assert np.allclose(vectors_of(answer), encoder.encode(TEXTS), atol=1e-5)
    assert [one["index"] for one in answer["data"]] == list(range(len(TEXTS)))
    assert answer["model"] == "tiny"
    counts = np.minimum(encoder.token_counts(TEXTS), encoder.network.max_tokens)
    assert answer["usage"] == {"prompt_tokens": counts.sum(), "total_tokens": counts.sum()}


def test_one_text_and_a_list_of_one_are_the_same(client):
    assert embed(client, "a cat") == embed(client, ["a cat"])


def test_no_texts_have_no_vectors(client):
    assert embed(client, [])["data"] == []


def test_base64_holds_the_same_numbers(client):
    plain = vectors_of(embed(client, TEXTS, truncate=True))
    coded = embed(client, TEXTS, truncate=True, encoding_format="base64")["data"]
    read = [np.frombuffer(base64.b64decode(one["embedding"]), "<f4") for one in coded]
    assert np.array_equal(np.array(read), plain)


def test_token_ids_with_or_without_special_tokens_are_the_text(client):
    tokens = client.post("/v1/tokenize", json={"input": "late parcel"}).json()["data"][0]["tokens"]
    text = vectors_of(embed(client, "late parcel"))
    for ids in (tokens, tokens[1:-1], [tokens], [tokens[1:-1]]):
        assert np.array_equal(vectors_of(embed(client, ids)), text)


def test_ids_of_another_tokenizer_are_refused(client):
    error = error_of(client.post("/v1/embeddings", json={"input": [[1], [99_999]]}), 400)
    assert error["param"] == "input[1]"
    assert error["code"] == "unknown_token"
    assert "check_embedding_ctx_length" in error["message"]


def test_fewer_dimensions_are_the_first_ones_of_the_same_length(client):
    whole, short = (vectors_of(embed(client, TEXTS[:3], dimensions=n)) for n in (8, 3))
    lengths = np.linalg.norm(short, axis=1)
    assert np.allclose(lengths, np.linalg.norm(whole, axis=1), atol=1e-5)
    assert np.allclose(
        short / lengths[:, None],
        whole[:, :3] / np.linalg.norm(whole[:, :3], axis=1, keepdims=True),
        atol=1e-5,
    )


def test_more_dimensions_than_there_are_are_refused(client):
    error = error_of(client.post("/v1/embeddings", json={"input": "a", "dimensions": 9}), 400)
    assert error["param"] == "dimensions"
    assert "from 1 to 8, got 9" in error["message"]


def test_a_long_text_is_refused_unless_it_may_be_cut(client, encoder):
    long = "cat " * 100
    error = error_of(client.post("/v1/embeddings", json={"input": ["a", long]}), 400)
    assert error["param"] == "input[1]"
    assert error["code"] == "context_length_exceeded"
    limit = encoder.network.max_tokens
    assert (
        f"at most {limit} tokens, got one of {encoder.token_counts([long])[0]}" in error["message"]
    )
    answer = embed(client, ["a", long], truncate=True)
    assert answer["truncated"] == [1]
    assert np.allclose(vectors_of(answer), encoder.encode(["a", long]), atol=1e-5)


def test_the_service_can_cut_unless_a_request_says_otherwise(serve):
    client = serve(truncate=True)
    assert embed(client, "cat " * 100)["truncated"] == [0]
    error_of(client.post("/v1/embeddings", json={"input": "cat " * 100, "truncate": False}), 400)


def test_a_long_list_is_split_and_written_in_parts(client, encoder):
    texts = [f"cat {i % 97} dog {i % 13}" for i in range(1500)]
    answer = embed(client, texts)
    assert np.allclose(vectors_of(answer), encoder.encode(texts), atol=1e-5)
    assert answer["object"] == "list"
    assert answer["usage"]["total_tokens"] == encoder.token_counts(texts).sum()


def test_more_items_than_a_request_may_have_are_refused(serve):
    client = serve(max_items=3)
    assert len(embed(client, ["a"] * 3)["data"]) == 3
    error = error_of(client.post("/v1/embeddings", json={"input": ["a"] * 4}), 413)
    assert "at most 3 items a request, got 4" in error["message"]


def test_a_text_has_a_most_of_characters_even_where_it_is_cut(serve):
    client = serve(max_text_characters=100)
    body = {"input": ["a", " " * 101], "truncate": True}
    error = error_of(client.post("/v1/embeddings", json=body), 400)
    assert error["param"] == "input[1]"
    assert error["code"] == "text_too_long"


def test_requests_at_the_same_time_get_their_own_vectors(client, encoder):
    texts = [f"text {'cat ' * (i % 9)}{i}" for i in range(60)]
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda text: embed(client, text), texts))
    found = np.concatenate([vectors_of(answer) for answer in answers])
    assert np.allclose(found, encoder.encode(texts), atol=1e-5)


def test_a_classifier_gives_its_vectors_too(client, served_folders):
    classifier = load_classifier(served_folders["multiclass"])
    found = vectors_of(embed(client, TEXTS[:3], model="multiclass"))
    assert np.allclose(found, classifier.embed(TEXTS[:3]), atol=1e-5)


def test_half_a_character_is_no_text(client):
    answer = client.post(
        "/v1/embeddings",
        content=rb'{"input": ["a", "\ud800"]}',
        headers={"content-type": "application/json"},
    )
    assert "hex escape" in error_of(answer, 400)["message"]


# Similarity


def test_similarity_is_that_of_the_vectors(client, encoder):
    texts = TEXTS[:4]
    answer = client.post("/v1/similarity", json={"input": texts, "map": True}).json()
    unit = encoder.encode(texts)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    assert np.allclose(answer["similarity"], unit @ unit.T, atol=1e-5)
    assert np.shape(answer["map"]) == (4, 2)
    assert answer["metric"] == "cosine"


def test_texts_can_be_compared_with_others(client, encoder):
    body = {"input": TEXTS[:2], "other": TEXTS[1:4], "metric": "euclidean"}
    answer = client.post("/v1/similarity", json=body).json()
    a, b = encoder.encode(TEXTS[:2]), encoder.encode(TEXTS[1:4])
    distances = np.linalg.norm(a[:, None] - b[None], axis=2)
    assert np.allclose(answer["similarity"], distances, atol=1e-4)
    assert answer["map"] is None


@pytest.mark.parametrize("other", [None, [], ["a"]])
def test_no_texts_compare_with_nothing(client, other):
    body = {"input": [], "other": other, "map": True}
    answer = client.post("/v1/similarity", json=body)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["similarity"], answer.json()["map"]) == ([], [])


def test_too_many_pairs_are_refused_before_anything_is_computed(client):
    body = {"input": ["a"] * 1001, "other": ["b"] * 1000}
    assert "got 1,001 x 1,000" in error_of(client.post("/v1/similarity", json=body), 413)["message"]


# Classification


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_labels_are_those_of_the_classifier(client, served_folders, task):
    classifier = load_classifier(served_folders[task])
    texts = TEXTS[:4]
    answer = client.post("/v1/classify", json={"model": task, "input": texts}).json()
    probabilities = classifier.predict_proba(texts)
    names = classifier.codec_.names(probabilities, classifier.thresholds_)
    labels = [str(label) for label in classifier.classes_.tolist()]
    assert answer["task"] == task
    for one, row, applying in zip(answer["data"], probabilities, names, strict=True):
        assert one["labels"] == [str(name) for name in applying]
        scores = {score["label"]: score["probability"] for score in one["scores"]}
        assert np.allclose([scores[label] for label in labels], row, atol=1e-5)
        likely = [score["probability"] for score in one["scores"]]
        assert likely == sorted(likely, reverse=True)


def test_only_a_classifier_classifies(client):
    error = error_of(client.post("/v1/classify", json={"model": "tiny", "input": "a"}), 404)
    assert "got 'tiny', which is a text" in error["message"]


def test_nothing_to_classify(client):
    assert client.post("/v1/classify", json={"input": []}).json()["data"] == []


def test_a_cut_text_is_marked(client):
    body = {"model": "binary", "input": ["a", "cat " * 100], "truncate": True}
    found = client.post("/v1/classify", json=body).json()["data"]
    assert [one["truncated"] for one in found] == [False, True]
    assert found[1]["n_tokens"] > 100


# Tokens and models


def test_tokens_of_a_long_text_are_all_there(client, encoder):
    texts = ["late parcel", "cat " * 100, ""]
    answer = client.post("/v1/tokenize", json={"input": texts}).json()
    counts = encoder.token_counts(texts).tolist()
    assert [len(one["tokens"]) for one in answer["data"]] == counts
    assert [one["n_tokens"] for one in answer["data"]] == counts
    limit = encoder.network.max_tokens
    assert [one["fits"] for one in answer["data"]] == [True, False, True]
    assert answer["max_tokens"] == limit
    special = answer["data"][2]["tokens"]
    assert [answer["data"][1]["tokens"][i] for i in (0, -1)] == special
    assert not set(special) & set(answer["data"][1]["tokens"][1:-1])


def test_models_are_listed_and_described(client):
    listed = client.get("/v1/models").json()["data"]
    assert [(one["id"], one["kind"]) for one in listed] == [
        ("tiny", "text"),
        ("binary", "classifier"),
        ("multiclass", "classifier"),
        ("multilabel", "classifier"),
    ]
    assert listed[0]["dim"] == 8
    assert listed[2]["labels"] == ["ham", "spam", "été"]
    assert client.get("/v1/models/multilabel").json() == listed[3]
    assert error_of(client.get("/v1/models/nothing/here"), 404)["code"] == "model_not_found"


# Readiness


def test_a_process_is_not_ready_before_the_others_are(client):
    service = client.app.state.service
    assert client.get("/readyz").json() == {"status": "ready"}
    service.all_ready = lambda: False
    try:
        error = error_of(client.get("/readyz"), 503)
        assert error["code"] == "loading"
        assert embed(client, "its own models are loaded")["data"]
    finally:
        service.all_ready = lambda: True


def test_what_takes_the_place_of_another_loads_before_it_answers(served_folders):
    from starlette.testclient import TestClient

    from embedsvc.server.app import create_app
    from embedsvc.server.settings import ServeSettings

    settings = ServeSettings(models=(f"tiny={served_folders['tiny']}",))
    app = create_app(settings, load_first=True)
    with TestClient(app, base_url="http://127.0.0.1") as first:
        assert first.get("/readyz").status_code == 200
