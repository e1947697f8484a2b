import json

import pytest

from embedsvc.errors import ArtifactError, InputError
from embedsvc.server import problems
from embedsvc.server.gate import extra_headers
from embedsvc.server.problems import (
    BadRequest,
    Overloaded,
    Problem,
    Unauthorized,
    UnknownModel,
    problem_of,
)

ALL = [
    kind for kind in vars(problems).values() if isinstance(kind, type) and issubclass(kind, Problem)
]


def test_problems_are_drawn_at_the_top_of_their_file():
    for kind in ALL:
        line = next(line for line in problems.__doc__.splitlines() if f" {kind.__name__} " in line)
        assert kind is Problem or str(kind.status) in line


@pytest.mark.parametrize("kind", ALL)
def test_every_problem_has_the_one_shape(kind):
    error = kind("Expected this, got that.", param="input[3]").body()["error"]
    assert error["message"] == "Expected this, got that."
    assert error["param"] == "input[3]"
    assert error["type"] and error["code"]
    assert 400 <= kind.status < 600


def test_bad_input_found_further_below_is_the_requests():
    problem = problem_of(InputError("Expected texts, got none."))
    assert (problem.status, str(problem)) == (400, "Expected texts, got none.")


@pytest.mark.parametrize(
    "err", [ValueError("secret /path"), ArtifactError("secret"), KeyError("x")]
)
def test_what_is_unexpected_tells_nothing_of_itself(err):
    problem = problem_of(err)
    assert problem.status == 500
    assert "secret" not in json.dumps(problem.body())


def test_half_characters_can_be_answered():
    fields = BadRequest("got \ud800", param="\udfff").fields()
    assert (fields["message"], fields["param"]) == ("got ?", "?")


def test_a_problem_stays_itself():
    problem = UnknownModel("no")
    assert problem_of(problem) is problem


def test_headers_tell_when_to_come_again_and_what_is_missing():
    assert extra_headers(Overloaded("full", retry_after=0.2)) == {"retry-after": "1"}
    assert extra_headers(Overloaded("full", retry_after=4.1)) == {"retry-after": "5"}
    assert extra_headers(Unauthorized("no key")) == {"www-authenticate": "Bearer"}
    assert extra_headers(BadRequest("no")) == {}
