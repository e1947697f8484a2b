"""A tiny model card and the tiny wheel it names."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

from embedsvc.catalogue.cards import ModelCard, read_card

TOY_FILES = {
    "toy_model/model/config.json": b'{"hidden_size": 2}',
    "toy_model/model/1_Pooling/config.json": b"{}",
    "toy_model/model/model.safetensors": bytes(range(256)) * 2000,
}


@dataclass
class Toy:
    """A card and its wheel."""

    folder: Path
    wheel: Path
    home: Path

    @property
    def card(self) -> ModelCard:
        return read_card(self.folder)

    @property
    def toml(self) -> Path:
        return self.folder / "model.toml"

    def edit(self, old: str, new: str) -> ModelCard:
        """Change the card and read it again."""
        text = self.toml.read_text()
        assert old in text
        self.toml.write_text(text.replace(old, new, 1))
        return self.card

    def leftovers(self) -> list[str]:
        """What stands in the cache besides the model and the lock."""
        models = self.home / "models"
        if not models.is_dir():
            return []
        known = {".toy-model.lock"} | {path.name for path in models.glob("toy-model-*")}
        return [path.name for path in models.iterdir() if path.name not in known]


def build_wheel(path: Path, files: dict[str, bytes]) -> None:
    info = "toy_model-1.0.dist-info"
    plain = {
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: toy-model\nVersion: 1.0\n"
        b"Requires-Dist: a-package-that-nobody-has\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (files | plain).items():
            archive.writestr(name, content)


def write_card(folder: Path, wheel: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = wheel.read_bytes()
    text = f"""
name = "toy-model"
kind = "text"
title = "Toy"
summary = "A toy."
architecture = "bert"
dim = 2
max_tokens = 8
pooling = "mean"
normalize = true
parameters = 7
licence = "Apache-2.0"
licence_note = ""
homepage = "https://example.org"
references = []
citation = "Nobody: Nothing. 2020."

[source]
type = "pypi"
requirement = "toy-model==1.0"
wheel_sha256 = "{hashlib.sha256(content).hexdigest()}"
wheel_bytes = {len(content)}
"""
    for member, value in files.items():
        text += f"""
[[source.files]]
member = "{member}"
path = "{member.removeprefix("toy_model/model/")}"
sha256 = "{hashlib.sha256(value).hexdigest()}"
bytes = {len(value)}
"""
    (folder / "model.toml").write_text(text)
