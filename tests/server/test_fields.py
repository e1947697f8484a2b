import json

import pytest
from pydantic import ValidationError

from embedsvc.server.invalid import invalid_request
from embedsvc.server.routes.embeddings import EmbeddingRequest
from embedsvc.server.routes.similarity import SimilarityRequest


def problem(model, /, **fields):
    with pytest.raises(ValidationError) as found:
        model.model_validate(fields)
    return invalid_request(found.value.errors(), model)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("a", ["a"]),
        ("", [""]),
        (["a", "b"], ["a", "b"]),
        ([], []),
        ([1, 2], [[1, 2]]),
        ([[1], [2, 3]], [[1], [2, 3]]),
    ],
)
def test_what_input_may_be(given, read):
    assert EmbeddingRequest.model_validate({"input": given}).input == read


@pytest.mark.parametrize(
    ("given", "param", "words"),
    [
        (None, "input", "got null"),
        (3, "input", "got a number"),
        ({}, "input", "got an object"),
        (["a", None], "input[1]", "Expected a text, got null"),
        (["a", 3], "input[1]", "got a number"),
        ([None], "input[0]", "got null"),
        ([True], "input[0]", "got true or false"),
        ([1, "a"], "input[1]", "Expected a token id, got a text"),
        ([1, True], "input[1]", "got true or false"),
        ([1, -1], "input[1]", "got -1"),
        ([1, 2**31], "input[1]", "got 2147483648"),
        ([1, 2**80], "input[1]", "got a number"),
        ([[1], 2], "input[1]", "Expected a list of token ids"),
        ([[1], []], "input[1]", "got an empty list"),
        ([[1], [1.5]], "input[1][0]", "got a number"),
        ([[]], "input[0]", "got an empty list"),
    ],
)
def test_what_input_may_not_be(given, param, words):
    found = problem(EmbeddingRequest, input=given)
    assert found.param == param
    assert words in str(found)
    assert str(found).startswith(f"{param}: Expected ")


def test_a_misspelt_field_is_told_before_the_one_it_leaves_out():
    found = problem(EmbeddingRequest, inptu="a")
    assert "got 'inptu' too. Did you mean 'input'?" in str(found)


def test_a_missing_field_is_named():
    assert "Expected the field 'input', got none" in str(problem(EmbeddingRequest))


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"encoding_format": "hex"}, "encoding_format", "'float' or 'base64', got 'hex'"),
        ({"dimensions": 0}, "dimensions", "Expected a number greater than or equal to 1, got 0"),
        ({"dimensions": "many"}, "dimensions", "got 'many'"),
        ({"dimensions": True}, "dimensions", "got true or false"),
        ({"truncate": {}}, "truncate", "got an object"),
        ({"truncate": "yes"}, "truncate", "Expected a valid boolean, got 'yes'"),
        ({"model": 7}, "model", "got 7"),
        ({"model": "x" * 1000}, "model", "model: Expected at most 500 characters, got 'xxx"),
    ],
)
def test_other_fields_say_what_they_may_be(fields, param, words):
    found = problem(EmbeddingRequest, input="a", **fields)
    assert found.param == param
    assert words in str(found)
    assert len(str(found)) < 300


def test_one_text_has_nothing_to_be_compared_with():
    assert "Expected a list of texts, got a text" in str(problem(SimilarityRequest, input="a"))


def test_a_field_that_is_no_text_is_refused_in_words_that_can_be_written():
    found = problem(EmbeddingRequest, input="a", **{"\ud800": 1})
    assert json.dumps(found.body(), ensure_ascii=False).encode()
