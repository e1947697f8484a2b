"""Settings in JSON: strict, bounded, and every refusal names the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from embedsvc.errors import ArtifactError, InputError
from embedsvc.store import fields
from embedsvc.store.fields import Fields, read_object, short, write_object


def test_what_is_written_is_read(tmp_path: Path):
    path = tmp_path / "model.json"
    values = {"name": "Zahnrad ⚙ \udc80", "n": 3, "x": 0.1, "list": [1, None, True], "in": {"a": 1}}
    write_object(path, values)
    assert read_object(path) == values
    assert path.read_bytes().isascii()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "not JSON compliant"),
        (float("inf"), "not JSON compliant"),
        (b"bytes", "bytes is not JSON"),
        ({1, 2}, "set is not JSON"),
        ("x" * (1 << 20), r"at most 1,048,576 bytes, got 1,048,594"),
    ],
)
def test_what_json_cannot_hold(value: Any, message: str, tmp_path: Path):
    with pytest.raises(InputError, match=message):
        write_object(tmp_path / "model.json", {"extra": value})
    assert not list(tmp_path.iterdir())


def test_a_list_in_itself(tmp_path: Path):
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InputError, match="Expected extra that JSON can hold"):
        write_object(tmp_path / "model.json", {"extra": endless})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Expecting value"),
        (b"[1]", "a JSON object in .*got a list"),
        (b'{"a": NaN}', "NaN, which is no JSON"),
        (b'{"a": -Infinity}', "-Infinity, which is no JSON"),
        (b'{"a": 1e999}', "1e999, which is no JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "readable JSON"),
        (b"[" * 100_000, "readable JSON"),
        (b'{"a": "' + b"x" * (1 << 20) + b'"}', "more than 1,048,576 bytes"),
        (b"\xff\x00\xfe", "readable JSON"),
    ],
)
def test_what_is_not_read(data: bytes, message: str, tmp_path: Path):
    path = tmp_path / "model.json"
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match=message):
        read_object(path)


def test_no_file(tmp_path: Path):
    with pytest.raises(ArtifactError, match="No such file"):
        read_object(tmp_path / "model.json")


def test_fields_are_checked_and_named():
    taken = Fields({"n": 3, "x": None, "in": {"deep": "a"}}, Path("model.json"))
    assert taken.take("n", int) == 3
    assert taken.take("x", float | None) is None
    assert taken.table("in").take("deep", str) == "a"
    with pytest.raises(ArtifactError, match=r"Expected m in model\.json, got none"):
        taken.take("m", int)
    with pytest.raises(ArtifactError, match=r"Expected in\.deep in .* a whole number, got 'a'"):
        taken.table("in").take("deep", int)
    with pytest.raises(ArtifactError, match=r"Expected in\.more in model\.json, got none"):
        taken.table("in").take("more", int)
    with pytest.raises(ArtifactError, match="Expected n in .* to be an object, got 3"):
        taken.table("n")
    with pytest.raises(ArtifactError, match=r"Expected in\.deep .* to be better, got 'a'"):
        taken.table("in").refuse("deep", "better", "a")


def test_long_values_are_cut_in_messages():
    assert short("a") == "'a'"
    assert len(short("a" * 1000)) == 100


def test_reading_stops_at_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"a": 1}))
    monkeypatch.setattr(fields, "MOST_BYTES", path.stat().st_size)
    assert read_object(path) == {"a": 1}
    monkeypatch.setattr(fields, "MOST_BYTES", path.stat().st_size - 1)
    with pytest.raises(ArtifactError, match="more than 7 bytes"):
        read_object(path)
