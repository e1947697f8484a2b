"""Files that are not those that were saved, under any kind of model."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from embedsvc.errors import ArtifactError
from embedsvc.store.fields import Fields, write_object
from embedsvc.store.manifest import check_file, describe_file, read_manifest, read_time

CURE = "Copy it again."


def manifest(path: Path) -> Fields:
    return read_manifest(path, what="lamp", newest=3, noun="lamp", beside="bulb")


@pytest.mark.parametrize("version", [1, 3])
def test_a_manifest(version: int, tmp_path: Path):
    path = tmp_path / "model.json"
    write_object(path, {"what": "lamp", "format": version, "watts": 7})
    assert manifest(path).take("watts", int) == 7


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, r"a saved lamp with model\.json and bulb, got .* Name the folder that a lamp was"),
        ({"format": 1}, "what = 'lamp' in .*got None"),
        ({"what": ["lamp"], "format": 1}, r"what = 'lamp' in .*got \['lamp'\]"),
        ({"what": "lamp"}, "Expected format in"),
        ({"what": "lamp", "format": True}, "format in .* a whole number, got True"),
        ({"what": "lamp", "format": -1}, "format in .* to be from 1 to 3, got -1"),
        ({"what": "lamp", "format": 4, "embedsvc": "9"}, "format 3 or older .*by embedsvc '9'"),
    ],
)
def test_what_is_no_manifest(values: dict[str, object] | None, message: str, tmp_path: Path):
    if values is not None:
        write_object(tmp_path / "model.json", values)
    with pytest.raises(ArtifactError, match=message):
        manifest(tmp_path / "model.json")


def test_a_file_is_compared(tmp_path: Path):
    path = tmp_path / "bulb"
    path.write_bytes(b"light")
    fields = Fields(describe_file(path), tmp_path / "model.json")
    check_file(path, fields, cure=CURE)
    path.write_bytes(b"night")
    with pytest.raises(ArtifactError, match=r"sha256 '[0-9a-f]{64}', got 5 and .* Copy it again"):
        check_file(path, fields, cure=CURE)
    path.write_bytes(b"lights")
    with pytest.raises(ArtifactError, match=r"to have 5 bytes .* got 6 and \?"):
        check_file(path, fields, cure=CURE)
    path.unlink()
    with pytest.raises(ArtifactError, match=r"bulb beside model\.json, got: No such file"):
        check_file(path, fields, cure=CURE)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files")
def test_a_pipe_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "bulb")
    fields = Fields({"bytes": 0, "sha256": ""}, tmp_path / "model.json")
    with pytest.raises(ArtifactError, match="to be a file, got something else"):
        check_file(tmp_path / "bulb", fields, cure=CURE)


def test_times():
    good = Fields({"at": "2026-01-31T12:00:00+00:00"}, Path("model.json"))
    assert read_time(good, "at") == "2026-01-31T12:00:00+00:00"
    with pytest.raises(ArtifactError, match="at in .* to be a date and time, got 'noon'"):
        read_time(Fields({"at": "noon"}, Path("model.json")), "at")
