import io
import json
import logging

import pytest

from embedsvc.server.logs import LOGGER, log_event, log_failure, start_logging


@pytest.fixture
def lines(monkeypatch):
    """Starts the log in a form and returns what it wrote."""
    stream = io.StringIO()
    kept = LOGGER.handlers[:], LOGGER.level, LOGGER.propagate

    def start(form):
        # Only now: pytest puts its own stderr in place between a fixture and its test.
        monkeypatch.setattr("sys.stderr", stream)
        start_logging(form)
        return stream.getvalue

    yield start
    LOGGER.handlers[:], LOGGER.propagate = kept[0], kept[2]
    LOGGER.setLevel(kept[1])


@pytest.mark.parametrize("form", ["json", "auto"])
def test_programs_get_a_json_object_a_line(lines, form):
    written = lines(form)
    log_event("request", status=200, key=None, route="/v1/embeddings\nx")
    (line,) = written().splitlines()
    event = json.loads(line)
    assert (event["event"], event["status"], event["level"]) == ("request", 200, "info")
    assert "key" not in event
    assert event["time"].endswith("+00:00")


def test_people_get_words(lines):
    written = lines("text")
    log_event("request", status=200, texts=["a b"], route="/x", ms=1.5)
    (line,) = written().splitlines()
    assert line.endswith("INFO request status=200 texts=\"['a b']\" route=/x ms=1.5")


def test_a_line_stays_one_line_whatever_it_holds(lines):
    written = lines("text")
    log_event("request", model="a\nFAKE status=200", word="é")
    assert len(written().splitlines()) == 1


def test_a_failure_has_its_traceback(lines):
    written = lines("json")
    try:
        raise ZeroDivisionError("here")
    except ZeroDivisionError:
        log_failure("failed", request_id="x")
    event = json.loads(written())
    assert event["request_id"] == "x"
    assert "ZeroDivisionError: here" in event["traceback"]


def test_levels_below_are_not_written(lines):
    written = lines("json")
    log_event("detail", level=logging.DEBUG)
    assert written() == ""
