"""A record is plain data."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from embedsvc.images.records import ImageRecord


def test_nothing_is_known_unless_given():
    record = ImageRecord(Path("a/b.png"), "b.png")
    assert record == ImageRecord(Path("a/b.png"), "b.png", None, None, None, None, None)


def test_records_do_not_change():
    with pytest.raises(FrozenInstanceError):
        ImageRecord(Path("a.png"), "a.png").label = 1
