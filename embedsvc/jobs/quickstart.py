"""The quick start: shipped sample messages as vectors, and who is near whom."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from embedsvc.encoders.registry import load_encoder
from embedsvc.errors import OutputError
from embedsvc.extract.folder import reason_of
from embedsvc.extract.job import ExtractOptions, extract_to_file
from embedsvc.extract.parts import Summary
from embedsvc.extract.rows import SourceOptions
from embedsvc.extract.sources import open_sources
from embedsvc.files import atomic_write
from embedsvc.vectors.similarity import top_k

VECTORS = "messages.parquet"
NEIGHBOURS = "neighbours.csv"
_N_NEIGHBOURS = 3
_N_SHOWN = 3


@dataclass(frozen=True)
class Neighbour:
    """A message near another: its text, its topic and the cosine between the two."""

    text: str
    topic: str
    cosine: float


@dataclass(frozen=True)
class QuickstartResult:
    """What the quick start found.

    Attributes:
        summary: of the extraction.
        dim: components of a vector.
        examples: a few messages, each with its nearest neighbours.
        same_topic: share of messages whose nearest neighbour has the same topic, which the model
            was never told.
        n_topics: how many topics there are.
    """

    summary: Summary
    dim: int
    examples: list[tuple[str, list[Neighbour]]]
    same_topic: float
    n_topics: int


def run_quickstart(
    folder: Path, *, advance: Callable[[int], None] = lambda count: None
) -> QuickstartResult:
    """Encode the sample messages and write vectors and neighbours into a folder.

    Args:
        folder: made if need be; earlier results in it are replaced.
        advance: called with the number of messages just done.

    Raises:
        OutputError: the folder cannot be written.
        WeightsError: the model could not be fetched.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise OutputError(
            f"Expected a folder to write to, got {folder}: {err.strerror or err}. "
            "Choose another with -o."
        ) from err
    reading = SourceOptions(column="text", id_column="id", include_columns=("text", "topic"))
    encoder = load_encoder("minilm")
    with resources.as_file(resources.files("embedsvc.samples") / "messages.csv") as samples:
        summary = extract_to_file(
            open_sources([str(samples)], reading),
            encoder,
            folder / VECTORS,
            reading=reading,
            options=ExtractOptions(overwrite=True),
            advance=advance,
        )
    table = pq.read_table(folder / VECTORS)
    texts, topics = table["text"].to_pylist(), table["topic"].to_pylist()
    flat = table["vector"].combine_chunks().flatten().to_numpy()
    vectors = flat.reshape(len(table), -1)
    # The nearest of all is the message itself.
    positions, cosines = top_k(vectors, vectors, k=_N_NEIGHBOURS + 1)
    near = [
        [
            Neighbour(texts[j], topics[j], float(cosine))
            for j, cosine in zip(row, row_cosines, strict=True)
            if j != i
        ][:_N_NEIGHBOURS]
        for i, (row, row_cosines) in enumerate(zip(positions, cosines, strict=True))
    ]
    _write_neighbours(folder / NEIGHBOURS, table["id"].to_pylist(), texts, topics, near)
    # Messages in the clearest company show best what the vectors know.
    company = [sum(other.cosine for other in neighbours) for neighbours in near]
    best = np.argsort(np.negative(company), kind="stable")
    shown = _one_a_topic(best.tolist(), topics)[:_N_SHOWN]
    return QuickstartResult(
        summary=summary,
        dim=vectors.shape[1],
        examples=[(texts[i], near[i]) for i in shown],
        same_topic=float(np.mean([near[i][0].topic == topics[i] for i in range(len(texts))])),
        n_topics=len(set(topics)),
    )


def _one_a_topic(order: list[int], topics: list[str]) -> list[int]:
    first: dict[str, int] = {}
    for i in order:
        first.setdefault(topics[i], i)
    return list(first.values())


def _write_neighbours(
    path: Path, ids: list[str], texts: list[str], topics: list[str], near: list[list[Neighbour]]
) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["id", "topic", "text", "rank", "cosine", "neighbour_topic", "neighbour_text"])
    for i, neighbours in enumerate(near):
        for rank, other in enumerate(neighbours, start=1):
            cosine = f"{other.cosine:.4f}"
            writer.writerow([ids[i], topics[i], texts[i], rank, cosine, other.topic, other.text])
    try:
        with atomic_write(path) as file:
            file.write(buffer.getvalue().encode())
    except OSError as err:
        raise OutputError(
            f"Expected to write {path}, but {reason_of(err)}. Cure that and run it again."
        ) from err
