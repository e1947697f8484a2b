"""Texts and images: what is particular to each, as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from embedsvc.extract.rows import Item, Reject


@dataclass(frozen=True)
class Kind:
    """What is extracted from.

    Attributes:
        name: what people call the things, in the plural.
        default_model: the model that takes them unless another is named.
        info: columns of the output that tell more of each thing, with their Arrow types.
        digest: what the output's metadata call the sha256 over all windows' input.
        failing: the things that are left out when defects are skipped and a model refuses some.
    """

    name: str
    default_model: str
    info: tuple[tuple[str, str], ...]
    digest: str
    failing: str


TEXTS = Kind(
    name="texts",
    default_model="minilm",
    info=(("n_tokens", "int32"), ("truncated", "bool")),
    digest="content_sha256",
    failing="texts that are too long",
)
IMAGES = Kind(
    name="images",
    default_model="efficientnet-lite0",
    info=(("height", "int32"), ("width", "int32")),
    # Names, sizes and times of the files, which are not read for it.
    digest="input_listing_sha256",
    failing="images that cannot be used",
)


class Inputs(Protocol):
    """The inputs of a run, whatever they hold."""

    @property
    def kind(self) -> Kind:
        """What they hold."""
        ...

    @property
    def files(self) -> list[Path]:
        """The files that hold rows; the output may not be one of them."""
        ...

    @property
    def from_stdin(self) -> bool:
        """Whether standard input is among them, which can be read once."""
        ...

    @property
    def label(self) -> str:
        """What messages call them."""
        ...

    @property
    def unique_ids(self) -> bool:
        """Whether a repeated id is a defect."""
        ...

    def rows(self) -> Iterator[Item | Reject]:
        """The rows and defects in order; unchanged inputs give the same ones again."""
        ...

    def settings(self) -> dict[str, Any]:
        """JSON values that tell what is read and how, "input" among them."""
        ...

    @property
    def told_by_settings(self) -> bool:
        """Whether equal settings mean equal rows; otherwise the rows have to be compared."""
        ...

    def total(self) -> int | None:
        """About how many rows there are; None where that is not known."""
        ...
