"""The OpenAPI document: valid, complete, and true of what the application answers."""

from __future__ import annotations

import json
from collections import Counter

import hypothesis
import jsonschema_rs
import pytest
import schemathesis
from request_images import encoded, striped
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR
from starlette.testclient import TestClient

from embedsvc.detectors import Hog
from embedsvc.server.app import create_app
from embedsvc.server.settings import ServeSettings
from embedsvc.store.detectors import save_detector

KEY = "test-key-of-more-than-twenty-characters"

TAKE_BODIES = (
    *("POST /v1/embeddings", "POST /v1/similarity", "POST /v1/classify"),
    *("POST /v1/anomalies", "POST /v1/tokenize"),
)
OPERATIONS = (
    *TAKE_BODIES,
    *("GET /v1/models", "GET /v1/models/{name}", "GET /healthz", "GET /readyz", "GET /metrics"),
)
# Codes of problems, and the fields they are about.
BEYOND_SCHEMAS = {
    ("context_length_exceeded", "input"),
    ("unknown_token", "input"),
    ("invalid_value", "dimensions"),
    ("invalid_value", "images"),
}


class OneKey:
    def name_of(self, presented):
        return "test" if presented == KEY else None


@pytest.fixture(scope="module")
def settings(served_folders, tmp_path_factory):
    detector = tmp_path_factory.mktemp("detectors") / "gears"
    save_detector(Hog(size=64).fit([encoded(striped(seed)) for seed in range(20)]), detector)
    tasks = ("binary", "multiclass", "multilabel")
    return ServeSettings(
        models=(f"tiny={served_folders['tiny']}",),
        classifiers=tuple(f"{task}={served_folders[task]}" for task in tasks),
        detectors=(f"gears={detector}",),
        allowed_hosts=("testserver",),
    )


@pytest.fixture(scope="module")
def api(settings):
    """The application as schemathesis reads and calls it, its models loaded."""
    app = create_app(settings)
    app.state.service.hosting.load()

    async def without_lifespan(scope, receive, send):
        # schemathesis would start it, and so load all models, in every test anew.
        if scope["type"] != "lifespan":
            await app(scope, receive, send)

    config = SchemathesisConfig.from_dict(
        {
            # Constants of whatever modules other tests loaded would make the data depend on them.
            "analysis": {"constants": {"enabled": False}},
            "generation": {"deterministic": True},
            "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "404"]}},
        }
    )
    return schemathesis.openapi.from_asgi("/openapi.json", without_lifespan, config=config)


def has_floats(value):
    if isinstance(value, (list, dict)):
        return any(
            has_floats(one) for one in (value.values() if isinstance(value, dict) else value)
        )
    return isinstance(value, float)


@schemathesis.check
def is_refused_for_what_no_schema_says(ctx, response, case):
    """A 400 to a request that fits the document needs a reason that no document can give.

    It depends on the model, or on what a picture holds. An unknown model is a 404. To a schema
    3.0 is an integer, to the service it is none.
    """
    del ctx
    fits = case.meta.generation.mode is GenerationMode.POSITIVE and not has_floats(case.body)
    if fits and response.status_code == 400:
        error = response.json()["error"]
        assert (error["code"], error["param"].partition("[")[0]) in BEYOND_SCHEMAS, error


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_edges_of_what_is_documented(api, name):
    operation = api.find_operation_by_label(name)
    cases = api.iter_coverage_cases(
        operation,
        generation_modes=list(GenerationMode),
        generation_config=api.config.generation_for(operation=operation),
    )
    statuses = Counter(case.call_and_validate().status_code for case in cases)
    assert statuses[405] > 5
    assert statuses.total() - statuses[405] > (30 if name.startswith("POST") else 0)


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("name", TAKE_BODIES)
def test_requests_that_fit_the_document_or_do_not(api, name, mode):
    operation = api.find_operation_by_label(name)
    statuses = Counter()

    @hypothesis.settings(
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=40,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def answers(case):
        statuses[case.call_and_validate().status_code] += 1

    answers()
    assert statuses.keys() <= {200, 400, 404}
    assert statuses[200] > 0 if mode is GenerationMode.POSITIVE else statuses[200] == 0


# The document itself


@pytest.fixture(scope="module", params=["with keys", "without keys"])
def document(request, settings):
    keys = OneKey() if request.param == "with keys" else None
    return create_app(settings, keys=keys).openapi()


def operations_of(document):
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def resolved(part, document):
    while "$ref" in part:
        part = document["components"]["schemas"][part["$ref"].rpartition("/")[2]]
    return part


def test_it_is_openapi_3_1(document):
    assert document["openapi"].startswith("3.1")
    OPENAPI_31_VALIDATOR.validate(document)
    # That leaves schemas within it to the dialect they are in.
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})
        assert schema["type"] == "object", name


def test_it_has_all_endpoints_and_no_others(document, settings):
    assert tuple(operations_of(document)) == OPERATIONS
    # It is never started, so nothing is loaded; what exists shows all the same.
    client = TestClient(create_app(settings), base_url="http://testserver")
    for name in OPERATIONS:
        method, path = name.split()
        known = {"POST": {503}, "GET": {200, 503}}[method]
        assert client.request(method, path).status_code in known, name
        assert client.head(path).status_code == 405, name
    assert client.get("/v1").status_code == 404


def test_every_operation_is_told_in_words(document):
    operations = operations_of(document)
    for name, operation in operations.items():
        assert operation["summary"], name
        assert operation["description"].endswith("."), name
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)


def test_every_field_of_a_request_is_described(document):
    n_bodies = 0
    for name, operation in operations_of(document).items():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            n_bodies += 1
            schema = resolved(content["schema"], document)
            assert schema["additionalProperties"] is False
            for field, one in schema["properties"].items():
                assert one["description"].endswith("."), f"{name}: {field}"
    assert n_bodies == len(TAKE_BODIES) + 1
    for operation in operations_of(document).values():
        assert all(one["description"] for one in operation.get("parameters", ()))


def test_problems_have_one_shape_everywhere(document):
    for name, operation in operations_of(document).items():
        problems = {k: v for k, v in operation["responses"].items() if k != "200"}
        assert {"403", "500"} <= problems.keys(), name
        assert ("400" in problems) == (name in TAKE_BODIES), name
        for problem in problems.values():
            assert problem["description"]
            assert problem["content"] == {
                "application/json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}
            }
    for status in ("429", "504"):
        told = operations_of(document)["POST /v1/embeddings"]["responses"][status]
        assert told["headers"]["Retry-After"]["schema"]["type"] == "integer"


def test_it_holds_nothing_that_is_not_used(document):
    words = json.dumps(document)
    assert "422" not in words
    for name in document["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in words


def test_it_says_which_operations_need_a_key(settings):
    app = create_app(settings, keys=OneKey())
    document = app.openapi()
    assert document == app.openapi()
    (scheme,) = document["components"]["securitySchemes"].items()
    assert (scheme[1]["type"], scheme[1]["scheme"]) == ("http", "bearer")
    client = TestClient(app, base_url="http://testserver")
    for name, operation in operations_of(document).items():
        method, path = name.split()
        asked = operation.get("security") == [{scheme[0]: []}]
        assert asked == ("401" in operation["responses"])
        for keys, refused in (({}, asked), ({"Authorization": f"Bearer {KEY}"}, False)):
            answer = client.request(method, path, headers=keys)
            assert (answer.status_code == 401) == refused, name


def test_without_keys_it_asks_for_none(settings):
    document = create_app(settings).openapi()
    assert "securitySchemes" not in document["components"]
    assert "security" not in json.dumps(document)
    assert all("401" not in one["responses"] for one in operations_of(document).values())


def test_it_is_served_as_it_is(settings):
    app = create_app(settings)
    client = TestClient(app, base_url="http://testserver")
    assert client.get("/openapi.json").json() == json.loads(json.dumps(app.openapi()))
