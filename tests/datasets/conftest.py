"""Tiny pictures on the disk."""

import io
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture(scope="session")
def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2), (200, 100, 50)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def draw(tmp_path: Path, png: bytes):
    """Writes files below `tmp_path` (all the same picture) and returns that folder."""

    def draw(*names: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png)
        return tmp_path

    return draw
