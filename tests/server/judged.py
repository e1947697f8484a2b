"""What an answer of the service has to be, whatever came."""

from __future__ import annotations

import json
import re

import numpy as np

SENSIBLE = re.compile(r"([\w.\[\]]{1,200}: )?Expected\b")
LEAKS = re.compile(
    r"Traceback|File \"|line \d+, in|site-packages|pydantic|starlette|0x[0-9a-f]{6}|root:x:|"
    r"/usr/|/home/|/tmp/|\.py\b"
)


class Answer:
    """What came back: status, headers and body."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


def check(case, answer, folders):
    """That an answer is a good one, or a refusal in the one shape that tells no secrets."""
    about = (case, answer)
    assert 200 <= answer.status < 500, about
    # What is refused before it is a request has none.
    request_id = answer.headers.get(b"x-request-id", b"none")
    assert re.fullmatch(rb"[A-Za-z0-9._-]{1,64}", request_id), about
    if answer.status < 400:
        return
    assert answer.headers[b"content-type"] == b"application/json", about
    error = json.loads(answer.body)["error"]
    assert list(error) == ["message", "type", "param", "code"], about
    assert error["type"] in ("invalid_request_error", "permission_error"), about
    assert re.fullmatch("[a-z_]+", error["code"]), about
    assert SENSIBLE.match(error["message"]), about
    assert len(error["message"]) < 700, about
    assert len(error["param"] or "") <= 200, about
    words = answer.body.decode()
    assert not LEAKS.search(words), about
    assert not any(str(folder.parent) in words for folder in folders.values()), about


def vectors_of(answer):
    assert answer.status == 200, answer
    return np.array([one["embedding"] for one in json.loads(answer.body)["data"]])
