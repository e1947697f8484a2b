"""Labels as people write them, and which image each one means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from embedsvc.datasets.places import absolute
from embedsvc.datasets.tables import Row, open_table
from embedsvc.errors import InputError
from embedsvc.images.records import ImageRecord

GOOD = "good"
NORMAL_WORDS = (GOOD, "normal", "ok")
_ANOMALOUS_WORDS = ("bad", "anomaly", "anomalous", "defect", "ng")
_LABELS = {
    **dict.fromkeys(("0", "false", *NORMAL_WORDS), 0),
    **dict.fromkeys(("1", "true", *_ANOMALOUS_WORDS), 1),
}
_NAME_COLUMNS = ("path", "name", "image")
_SHOWN = 5


def is_normal_name(name: str) -> bool:
    """Whether a folder or a kind of defect of this name means normal images."""
    return name.strip().casefold() in NORMAL_WORDS


def label_of(row: Row, column: str = "label") -> int | None:
    """Read a label: 0 normal, 1 anomalous, None where nothing stands.

    Raises:
        InputError: a word that is no label.
    """
    text = row.text(column)
    if not text:
        return None
    label = _LABELS.get(text.casefold())
    if label is None:
        raise InputError(
            f"Expected a label, got {text!r} in {row.where}. Write 0, false, "
            f"{', '.join(NORMAL_WORDS)} for normal, 1, true, {', '.join(_ANOMALOUS_WORDS)} for "
            "anomalous, or nothing for unknown."
        )
    return label


def read_labels(path: str | Path) -> dict[str, int]:
    """Read a table of labels: columns path (or name, or image) and label; see `apply_labels`.

    Args:
        path: a CSV, TSV, JSON Lines or Parquet file.

    Returns:
        0 normal or 1 anomalous for each name as written, without the rows that have no label.

    Raises:
        InputError: the table cannot be read, lacks a column, has a word that is no label, names an
            image twice with different labels, or has no label at all.
    """
    table = open_table(Path(path), (*_NAME_COLUMNS, "label"))
    key = table.check_columns(_NAME_COLUMNS, ())
    table.check_columns(("label",), ())
    labels: dict[str, int] = {}
    for row in table.rows:
        name, label = row.text(key), label_of(row)
        if not name:
            raise InputError(
                f"Expected an image in column {key!r}, got nothing in {row.where}. "
                "Write its name, or remove the row."
            )
        if label is not None and labels.setdefault(name, label) != label:
            raise InputError(
                f"Expected one label for {name!r}, got 0 and 1: the second in {row.where}. "
                "Remove one of them."
            )
    if not labels:
        raise InputError(f"Expected at least one label in {path}, got none. Fill in the column.")
    return labels


def apply_labels(
    records: Sequence[ImageRecord], labels: Mapping[str, int], *, source: str | Path
) -> list[ImageRecord]:
    """Give images the labels that a table has for them; they replace labels known before.

    An image is meant by its name, else by its path (relative to the working folder or to that of
    the table), else by the end of its path ("test/crack/1.png" or "1.png") where that is unique.

    Args:
        records: the images.
        labels: 0 or 1 by name, as of `read_labels`.
        source: the table, for relative paths and messages.

    Returns:
        All records in the same order; those without a label in the table are unchanged.

    Raises:
        InputError: a name fits no image or several, or two names give one image both labels.
    """
    index = _Index(records, Path(source).parent)
    named: dict[int, str] = {}
    labelled = list(records)
    lost = []
    for name, label in labels.items():
        found = index.find(name)
        if len(found) > 1:
            shown = ", ".join(repr(records[at].name) for at in found[:_SHOWN])
            raise InputError(
                f"Expected {name!r} in {source} to mean one image, got {len(found)}: {shown}. "
                "Write more of its path."
            )
        if not found:
            lost.append(name)
            continue
        at = found[0]
        if at in named and labels[named[at]] != label:
            raise InputError(
                f"Expected one label for {records[at].name!r} in {source}, got 0 and 1, as "
                f"{named[at]!r} and {name!r} both mean it. Remove one of them."
            )
        named[at] = name
        labelled[at] = _with_label(records[at], label)
    if lost:
        raise _no_image(lost, records, source)
    return labelled


class _Index:
    """Finds images by what people call them."""

    def __init__(self, records: Sequence[ImageRecord], folder: Path) -> None:
        self._folder = folder
        self._by_name: dict[str, list[int]] = {}
        self._by_path: dict[str, list[int]] = {}
        self._by_file: dict[str, list[tuple[int, str]]] = {}
        for at, record in enumerate(records):
            path = absolute(record.path)
            self._by_name.setdefault(record.name, []).append(at)
            self._by_path.setdefault(path, []).append(at)
            self._by_file.setdefault(record.path.name, []).append((at, path))

    def find(self, name: str) -> list[int]:
        if found := self._by_name.get(name):
            return found
        for path in (Path(name), self._folder / name):
            if found := self._by_path.get(absolute(path)):
                return found
        end = Path(name).parts
        files = self._by_file.get(Path(name).name, [])
        return [at for at, path in files if Path(path).parts[-len(end) :] == end]


def _with_label(record: ImageRecord, label: int) -> ImageRecord:
    if label == record.label:
        return record
    if label == 0:
        return replace(record, label=0, defect=GOOD, mask=None)
    defect = None if is_normal_name(record.defect or GOOD) else record.defect
    return replace(record, label=1, defect=defect)


def _no_image(lost: list[str], records: Sequence[ImageRecord], source: str | Path) -> InputError:
    shown = ", ".join(map(repr, lost[:_SHOWN]))
    more = f" and {len(lost) - _SHOWN:,} more" if len(lost) > _SHOWN else ""
    example = f" such as {records[0].name!r}" if records else ""
    return InputError(
        f"Expected every label in {source} to name one of {len(records):,} images{example}, got "
        f"{len(lost):,} that name none: {shown}{more}. Correct or remove these rows."
    )
