"""The official client, unchanged, over a real socket."""

from __future__ import annotations

import asyncio

import numpy as np
import openai
import pytest
from served import on_a_socket

from embedsvc.encoders.registry import load_encoder
from embedsvc.server.app import create_app
from embedsvc.server.settings import ServeSettings

TEXTS = ["late parcel", "the package is delayed", "a cat"]
KEY = "test-key-of-more-than-twenty-characters"


class OneKey:
    def name_of(self, presented):
        return "test" if presented == KEY else None


@pytest.fixture(scope="module")
def address(served_folders):
    settings = ServeSettings(
        models=(
            f"tiny={served_folders['tiny']}",
            f"text-embedding-3-small={served_folders['tiny']}",
        ),
        max_items=50,
    )
    with on_a_socket(create_app(settings, keys=OneKey())) as found:
        yield found


@pytest.fixture
def client(address):
    with openai.OpenAI(base_url=f"{address}/v1", api_key=KEY, max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def vectors(served_folders):
    return load_encoder(served_folders["tiny"]).encode(TEXTS)


@pytest.mark.parametrize("form", [openai.NOT_GIVEN, "float", "base64"])
def test_embeddings_are_those_of_the_library(client, vectors, form):
    answer = client.embeddings.create(model="tiny", input=TEXTS, encoding_format=form)
    found = [one.embedding for one in answer.data]
    if form == "base64":
        assert all(isinstance(one, str) for one in found)
    else:
        assert np.allclose(found, vectors, atol=1e-5)
    assert answer.usage.total_tokens > 0
    assert answer.model == "tiny"
    assert [one.index for one in answer.data] == [0, 1, 2]


def test_a_program_written_for_openais_own_names_runs(client, vectors):
    answer = client.embeddings.create(
        model="text-embedding-3-small", input=TEXTS[0], dimensions=8, user="someone"
    )
    assert np.allclose(answer.data[0].embedding, vectors[0], atol=1e-5)


def test_what_openai_does_not_know_goes_as_extra(client):
    answer = client.embeddings.create(
        model="tiny", input="cat " * 100, extra_body={"truncate": True}
    )
    assert answer.model_extra["truncated"] == [0]


def test_models_are_listed(client):
    assert [model.id for model in client.models.list()] == ["tiny", "text-embedding-3-small"]
    assert client.models.retrieve("tiny").model_extra["dim"] == 8


@pytest.mark.parametrize(
    ("request_of", "kind", "code"),
    [
        ({"model": "nope", "input": "a"}, openai.NotFoundError, "model_not_found"),
        (
            {"model": "tiny", "input": "cat " * 99},
            openai.BadRequestError,
            "context_length_exceeded",
        ),
        (
            {"model": "tiny", "input": "a", "dimensions": 99},
            openai.BadRequestError,
            "invalid_value",
        ),
        ({"model": "tiny", "input": ["a"] * 51}, openai.APIStatusError, "too_large"),
    ],
)
def test_its_own_exceptions_are_raised(client, request_of, kind, code):
    with pytest.raises(kind) as found:
        client.embeddings.create(**request_of)
    assert found.value.code == code
    assert "Expected" in found.value.body["message"]
    assert found.value.request_id


def test_an_unknown_key_is_an_authentication_error(address):
    with (
        openai.OpenAI(base_url=f"{address}/v1", api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError, match="Expected a known API key"),
    ):
        client.models.list()


def test_many_at_a_time(address, vectors):
    async def scenario():
        async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=KEY) as client:
            tasks = [client.embeddings.create(model="tiny", input=TEXTS[i % 3]) for i in range(30)]
            return [answer.data[0].embedding for answer in await asyncio.gather(*tasks)]

    found = asyncio.run(scenario())
    assert np.allclose(found, [vectors[i % 3] for i in range(30)], atol=1e-5)
