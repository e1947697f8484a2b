"""The service's log: one line an event on stderr, for programs or for people.

A line tells who asked for what, how it ended and how long it took. It never holds a request's
content; where the service was started with `log_texts`, that stands in its own field.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

LOGGER = logging.getLogger("embedsvc.server")


def start_logging(form: str) -> None:
    """Write the service's events to stderr.

    Args:
        form: "json", "text", or "auto": text on a terminal and JSON elsewhere.
    """
    if form == "auto":
        form = "text" if sys.stderr is not None and sys.stderr.isatty() else "json"
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines() if form == "json" else _TextLines())
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


def log_event(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Write one event with its fields; None is left out."""
    if LOGGER.isEnabledFor(level):
        # Made by hand: `LOGGER.log` would look for the calling line, which nobody asks for.
        record = logging.LogRecord(LOGGER.name, level, "", 0, event, None, None)
        record.fields = {name: value for name, value in fields.items() if value is not None}
        LOGGER.handle(record)


def log_failure(event: str, **fields: Any) -> None:
    """Write an event with the traceback of the exception being handled."""
    LOGGER.error(event, exc_info=True, extra={"fields": fields})


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class _TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        told = " ".join(f"{name}={_word(value)}" for name, value in fields.items())
        line = f"{_time(record)} {record.levelname} {record.getMessage()} {told}".rstrip()
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _word(value: Any) -> str:
    """A value on one line, in quotes where it could be taken for more than one word."""
    text = str(value)
    return text if text.isascii() and text.isprintable() and " " not in text else json.dumps(text)
