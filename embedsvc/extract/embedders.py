"""Encoders of any kind behind one face: windows of inputs in, vectors with their columns out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from embedsvc.extract.kinds import IMAGES, TEXTS, Kind
from embedsvc.extract.pairing import paired
from embedsvc.extract.parts import Encoded, TextPart, VectorPart

Advance = Callable[[int], None]


class Encoder(Protocol):
    """What every encoder has; how it encodes is up to its kind."""

    @property
    def dim(self) -> int:
        """Components of a vector."""
        ...

    def describe(self) -> dict[str, Any]:
        """What the vectors depend on."""
        ...


class Embedder(Protocol):
    """What `extract` needs."""

    @property
    def part(self) -> type[VectorPart]:
        """The type of its parts' records."""
        ...

    def describe(self) -> dict[str, Any]:
        """What the vectors depend on, `dim` among it."""
        ...

    def embed(self, windows: Iterable[list[Any]], advance: Advance) -> Iterator[Encoded]:
        """Encode windows of inputs, in order."""
        ...


class EncodedTexts(Protocol):
    """What an encoder of texts says of a window."""

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Array of shape (n_texts, dim)."""
        ...

    @property
    def n_tokens(self) -> NDArray[np.int32]:
        """Tokens of each whole text, shape (n_texts,)."""
        ...

    @property
    def truncated(self) -> NDArray[np.bool_]:
        """Whether tokens were left out, shape (n_texts,)."""
        ...


class TextEncoder(Encoder, Protocol):
    """An encoder of texts."""

    def encode_windows(
        self, windows: Iterable[list[str]], *, advance: Advance = ...
    ) -> Iterator[EncodedTexts]:
        """Encode windows of texts, in order."""
        ...


class EncodedImages(Protocol):
    """What an encoder of images says of a window."""

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Array of shape (n_readable, dim)."""
        ...

    @property
    def heights(self) -> NDArray[np.int32]:
        """Pixels of each readable image as it came, shape (n_readable,)."""
        ...

    @property
    def widths(self) -> NDArray[np.int32]:
        """Pixels of each readable image as it came, shape (n_readable,)."""
        ...

    @property
    def failures(self) -> Mapping[int, str]:
        """What is wrong with the others, by their number in the window."""
        ...


class ImageEncoder(Encoder, Protocol):
    """An encoder of images."""

    def encode_windows(
        self, windows: Iterable[list[Any]], *, on_error: str = ..., advance: Advance = ...
    ) -> Iterator[EncodedImages]:
        """Encode windows of images, in order."""
        ...


class TextEmbedder:
    """Texts to vectors.

    Args:
        encoder: turns texts into vectors, truncating those it does not take whole.
        refuse_long: whether such a text is a failure.
    """

    part = TextPart

    def __init__(self, encoder: TextEncoder, *, refuse_long: bool = False) -> None:
        self._encoder = encoder
        self._refuse_long = refuse_long

    def describe(self) -> dict[str, Any]:
        """What the vectors depend on."""
        described = self._encoder.describe()
        return {**described, "on_long": "error"} if self._refuse_long else described

    def embed(self, windows: Iterable[list[str]], advance: Advance) -> Iterator[Encoded]:
        """Encode windows of texts, in order."""
        run = paired(windows, lambda ahead: self._encoder.encode_windows(ahead, advance=advance))
        for texts, encoded in run:
            refused = encoded.truncated & self._refuse_long
            n_tokens, truncated = encoded.n_tokens[~refused], encoded.truncated[~refused]
            kept = [text for text, gone in zip(texts, refused, strict=True) if not gone]
            yield Encoded(
                vectors=encoded.vectors[~refused],
                info={"n_tokens": n_tokens, "truncated": truncated},
                counts={
                    "tokens": int(n_tokens.sum()),
                    "truncated": int(truncated.sum()),
                    "empty": sum(not text.strip() for text in kept),
                },
                failures={
                    i: "Expected a text that the model takes whole, got "
                    f"{encoded.n_tokens[i]:,} tokens. Shorten it, or choose --on-long truncate or "
                    "split."
                    for i in np.flatnonzero(refused).tolist()
                },
            )


class ImageEmbedder:
    """Images to vectors.

    Args:
        encoder: turns images into vectors.
    """

    part = VectorPart

    def __init__(self, encoder: ImageEncoder) -> None:
        self._encoder = encoder

    def describe(self) -> dict[str, Any]:
        """What the vectors depend on."""
        return self._encoder.describe()

    def embed(self, windows: Iterable[list[Any]], advance: Advance) -> Iterator[Encoded]:
        """Encode windows of images, in order."""
        # Failures come with their window even where they stop the run, so that the windows before,
        # which are computed at the same time, are not lost.
        for encoded in self._encoder.encode_windows(windows, on_error="skip", advance=advance):
            yield Encoded(
                vectors=encoded.vectors,
                info={"height": encoded.heights, "width": encoded.widths},
                failures=encoded.failures,
            )


def embedder_of(kind: Kind, encoder: Any, *, refuse_long: bool = False) -> Embedder:
    """Put an encoder behind the one face.

    Args:
        kind: what it encodes.
        encoder: a `TextEncoder` or an `ImageEncoder`.
        refuse_long: whether a text longer than the model takes is a failure.
    """
    return _EMBEDDERS[kind.name](encoder, refuse_long)


_EMBEDDERS: dict[str, Callable[[Any, bool], Embedder]] = {
    TEXTS.name: lambda encoder, refuse_long: TextEmbedder(encoder, refuse_long=refuse_long),
    IMAGES.name: lambda encoder, _: ImageEmbedder(encoder),
}
