"""How a folder with a trained descriptor is told from others, without loading anything."""

from __future__ import annotations

from pathlib import Path

from embedsvc.errors import ArtifactError
from embedsvc.files import read_json

DESCRIPTOR, DESCRIPTOR_FILE, WEIGHTS_FILE = "point-descriptor", "model.json", "weights.safetensors"


def is_descriptor_folder(model: str | Path) -> bool:
    """Whether a name is that of a folder with a trained descriptor."""
    try:
        about = Path(model) / DESCRIPTOR_FILE
        return about.is_file() and read_json(about).get("what") == DESCRIPTOR
    except (OSError, ValueError, ArtifactError):
        return False
