"""Bodies no client should send: made from a seed, the same ones in every run."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

JSON = "application/json"
VALID: dict[str, dict[str, object]] = {
    "/v1/embeddings": {"model": "tiny", "input": ["late parcel", "é"], "dimensions": 4},
    "/v1/similarity": {"input": ["a", "b"], "other": ["c"], "metric": "dot", "map": True},
    "/v1/classify": {"model": "binary", "input": "a cat", "truncate": False},
    "/v1/tokenize": {"model": "tiny", "input": ["a", "late parcel"]},
    "/v1/anomalies": {"model": "gears", "images": ["iVBORw0KGgo="], "heatmap": True},
}
FIELDS = {
    "/v1/embeddings": ("input", "model", "encoding_format", "dimensions", "truncate", "user"),
    "/v1/similarity": ("input", "other", "model", "metric", "map", "truncate"),
    "/v1/classify": ("input", "model", "truncate"),
    "/v1/tokenize": ("input", "model"),
    "/v1/anomalies": ("images", "model", "heatmap"),
}
WRONG: tuple[object, ...] = (
    *(None, True, 0, -1, 1.5, 2**31, 2**63, 2**64, -(10**30), 1e308, "", "x", "\0", "\x1b[31m"),
    *([], {}, [None], [[]], [[[]]], [{}], [True], [1.5], [-1], [2**31], [[1], "a"], ["a", 1]),
    *([["a"]], {"a": 1}, {"$ref": "#"}, "../../etc/passwd", "a" * 501, "\u202e\ufeff\U0010ffff"),
    *([[1] * 40], [2**70], "data:image/png;base64,", "data:,x", "file:///etc/passwd"),
    *("http://127.0.0.1/x.png", "data:image/svg+xml,<svg/>", ["%PDF"], "{{7*7}}", "' OR 1=1 --"),
)
# Each takes the place of a whole body; {} is where a field of the endpoint stands.
WRITTEN: tuple[bytes, ...] = (
    *(b"", b" ", b"\0", b"null", b"true", b"0", b'"a"', b"[]", b"{}", b"[{}]", b"{", b"}", b"{]"),
    *(b"\xef\xbb\xbf{}", b"\xff\xfe{\0}\0", b"\xfe\xff\0{\0}", b"\xff", b"\x80abc", b"\xc0\xaf"),
    *(b"{} {}", b"{}x", b"{'a': 1}", b"{a: 1}", b'{"a" 1}', b'{"a": 1,}', b"// {}", b"/**/{}"),
    *(b'{"<>": NaN}', b'{"<>": Infinity}', b'{"<>": -Infinity}', b'{"<>": 1e999}'),
    *(b'{"<>": [1e999]}', b'{"<>": -1e999}', b'{"<>": 1e-999}', b'{"<>": 01}', b'{"<>": +1}'),
    *(b'{"<>": "\\ud800"}', b'{"<>": ["\\udc00", "a"]}', b'{"\\ud800": 1}', b'{"<>": "\\x"}'),
    *(b'{"<>": "\xed\xa0\x80"}', b'{"<>": "\xff"}', b'{"<>": "\t"}', b'{"<>": "a\0b"}'),
    *(b'{"<>": "a", "<>": "b"}', b'{"<>": 1, "<>": []}', b'{"<>": "a", "": 1}', b'{"": {}}'),
    *(b'{"<>": "a", "<>x": 1}', b'{"<>": "a", "__proto__": {}}', b'{"<>": "a", "a.b[0]": 1}'),
    b'{"<>": ' + b"9" * 5_000 + b"}",
    b'{"<>": [' + b"9" * 5_000 + b"]}",
    b'{"<>": 1' + b"0" * 400 + b"." + b"0" * 400 + b"}",
    b'{"<>": "' + b"a" * 300_000 + b'"}',
    b'{"<>": [' + b'"a",' * 20_000 + b'"a"]}',
    b'{"<>": [' + b"1," * 20_000 + b"1]}",
    b'{"<>": [' + b"[1]," * 20_000 + b"[1]]}",
    b'{"' + b"k" * 100_000 + b'": 1}',
    b"{" + b",".join(b'"k%d": 1' % i for i in range(5_000)) + b"}",
    *(one * 100_000 for one in (b"[", b'{"a":', b"]", b"\x00", b" ")),
    *(b'{"<>": ' + b"[" * depth + b"]" * depth + b"}" for depth in (50, 300, 100_000)),
    b'{"<>": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    b'{"<>": "' + b"\\u0000" * 5_000 + b'"}',
    b'{"<>": "' + "\u0300".encode() * 50_000 + b'"}',
)
TYPES: tuple[bytes | None, ...] = (
    *(None, b"", b"text/plain", b"application/x-www-form-urlencoded", b"application/xml"),
    *(b"application/json; charset=utf-16", b"application/json;", b"APPLICATION/JSON", b"json"),
    *(b"application/vnd.api+json", b"application/jsonp", b"application/json, text/plain", b"\xff"),
    *(b"multipart/form-data", b"multipart/form-data; boundary=", b"multipart/mixed; boundary=x"),
    *(b"multipart/form-data; boundary=" + b"x" * 300, b"application/" + b"j" * 9_000, b";;;", b"*"),
)
HEADS: tuple[bytes, ...] = (
    *(b"", b"\r\n", b'Content-Disposition: form-data; name="image"; filename="x.png"\r\n'),
    *(b'Content-Disposition: form-data; name="image"\r\n', b"Content-Disposition: form-data\r\n"),
    *(b'Content-Disposition: form-data; name="nope"\r\n', b"Content-Disposition:\r\n", b":\r\n"),
    b'Content-Disposition: form-data; name="image"; filename="../../etc/passwd"\r\n',
    b'Content-Disposition: form-data; name="image"; filename="\xff\0.png"\r\n',
    b'Content-Disposition: form-data; name="model"; filename="a"\r\n',
    b'Content-Disposition: form-data; name="heatmap"\r\n',
    b'Content-Disposition: form-data; name="' + b"n" * 5_000 + b'"\r\n',
    b"X: " + b"y" * 10_000 + b"\r\n",
)


@dataclass(frozen=True)
class Case:
    """A request.

    Attributes:
        group: the kind of nonsense.
        path: where it goes.
        body: what it brings.
        headers: with its content type.
        method: of HTTP.
    """

    group: str
    path: str
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(
        default_factory=lambda: [(b"content-type", JSON.encode())]
    )
    method: str = "POST"


def all_cases(seed: int = 7) -> list[Case]:
    """Cases of all groups."""
    random_numbers = random.Random(seed)
    return [case for make in _GROUPS for case in make(random_numbers)]


def _valid(path: str) -> bytes:
    return json.dumps(VALID[path]).encode()


def _written(rng: random.Random) -> Iterator[Case]:
    del rng
    for path, fields in FIELDS.items():
        for body in WRITTEN:
            yield Case("written", path, body.replace(b"<>", fields[0].encode()))


def _wrong_types(rng: random.Random) -> Iterator[Case]:
    for path, fields in FIELDS.items():
        for name in fields:
            for value in rng.sample(WRONG, 25):
                yield Case("wrong types", path, json.dumps(VALID[path] | {name: value}).encode())


def _missing(rng: random.Random) -> Iterator[Case]:
    for path, fields in FIELDS.items():
        for name in fields:
            kept = {key: value for key, value in VALID[path].items() if key != name}
            yield Case("missing", path, json.dumps(kept).encode())
            misspelt = "".join(rng.sample(name, len(name)))
            yield Case("missing", path, json.dumps({**kept, misspelt: "a"}).encode())


def _cut(rng: random.Random) -> Iterator[Case]:
    for path in FIELDS:
        body = _valid(path)
        for at in rng.sample(range(len(body)), 30):
            yield Case("cut", path, body[:at])


def _changed(rng: random.Random) -> Iterator[Case]:
    for path in FIELDS:
        for _ in range(60):
            body = bytearray(_valid(path))
            for _ in range(rng.randint(1, 4)):
                at = rng.randrange(len(body))
                # A byte changed, put in, or a piece doubled.
                body[at : at + rng.randint(0, 2)] = rng.choice(
                    (rng.randbytes(1), b'"', b"[", b"\0", b"\\u", bytes(body[at : at + 9]))
                )
            yield Case("changed", path, bytes(body))


def _noise(rng: random.Random) -> Iterator[Case]:
    words = (b"{", b"}", b"[", b"]", b",", b":", b'"input"', b"1", b"null", b'"a"', b"1e9", b"\n")
    for path in FIELDS:
        for _ in range(40):
            yield Case("noise", path, rng.randbytes(rng.randrange(600)))
            yield Case("noise", path, b"".join(rng.choices(words, k=rng.randrange(60))))


def _types(rng: random.Random) -> Iterator[Case]:
    for path in FIELDS:
        for kind in TYPES:
            headers = [] if kind is None else [(b"content-type", kind)]
            yield Case("types", path, _valid(path), headers)
        doubled = [(b"content-type", b"text/plain"), (b"content-type", JSON.encode())]
        yield Case("types", path, _valid(path), doubled)
        for encoding in (b"gzip", b"br", b"identity, gzip", b"\xff"):
            headers = [(b"content-type", JSON.encode()), (b"content-encoding", encoding)]
            yield Case("types", path, rng.randbytes(50), headers)


def _forms(rng: random.Random) -> Iterator[Case]:
    kind = [(b"content-type", b"multipart/form-data; boundary=x")]
    for head in HEADS:
        part = b"--x\r\n" + head + b"\r\n" + rng.randbytes(40)
        ends = (b"\r\n--x--\r\n", b"\r\n--x", b"", b"--x--", b"\r\n--y--\r\n", b"\r\n--x\r\n" * 200)
        for end in ends:
            yield Case("forms", "/v1/anomalies", part + end, kind)
    for _ in range(40):
        body = b"".join(rng.choices((b"--x", b"--", b"\r\n", *HEADS, rng.randbytes(5)), k=12))
        yield Case("forms", "/v1/anomalies", body, kind)
    for path in FIELDS:
        yield Case("forms", path, b"--x--\r\n", kind)


def _paths(rng: random.Random) -> Iterator[Case]:
    del rng
    names = (
        *(
            "..%2f..%2fetc%2fpasswd",
            "%2e%2e/%2e%2e/etc/passwd",
            "..;/",
            "%00",
            "%ff",
            "%0d%0aX:%20y",
        ),
        *("tiny%00", "tiny/", "//tiny", "%252e%252e", "TINY", "%F0%9F%98%80", "a" * 4_000, "%"),
        *("tiny?x=%zz", "tiny#x", "..%5c..%5cwindows", "%u0000", "~root", "file:%2f%2f%2fetc"),
    )
    for root in ("/v1/models/", "/v1/", "/", "/page/", "/page/../", "/docs/", "/metrics/"):
        for name in names:
            yield Case("paths", root + name, method="GET", headers=[])
    for path in (*FIELDS, "/healthz", "/v1/models", "/nope", "/"):
        for method in ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "A" * 500, "get"):
            yield Case("paths", path, b"{}", method=method)


def _heads(rng: random.Random) -> Iterator[Case]:
    del rng
    for name, values in {
        b"x-request-id": (b"a\x85b", b"x" * 5_000, b"", b"<script>", b"\xff\xfe", b"a\tb", b"../a"),
        b"host": (b"evil.example", b"", b"127.0.0.1:99999", b"[::1", b"a\xffb", b"127.0.0.1@evil"),
        b"origin": (
            b"null",
            b"http://evil.example",
            b"http://[",
            b"\xff",
            b"http://127.0.0.1.evil",
        ),
        b"content-length": (b"0", b"5", b"99999999999999999999", b"-1", b"1e3", b"\xb2", b"abc"),
        b"authorization": (b"Bearer", b"Bearer " + b"k" * 5_000, b"Basic \xff", b"\0"),
        b"accept": (b"text/xml", b"\xff", b"*/*;q=nan"),
        b"transfer-encoding": (b"gzip", b"chunked, chunked", b"\x0b"),
        b"range": (b"bytes=0-", b"bytes=-99999"),
        b"cookie": (b"a=b; " * 500, b"\xff"),
    }.items():
        for value in values:
            for path in ("/v1/embeddings", "/v1/anomalies"):
                headers = [(b"content-type", JSON.encode()), (name, value)]
                yield Case("heads", path, _valid(path), headers)


_GROUPS: tuple[Callable[[random.Random], Iterator[Case]], ...] = (
    *(_written, _wrong_types, _missing, _cut, _changed, _noise, _types, _forms, _paths, _heads),
)
