"""Parquet, batch by batch; the file is not trusted to be whole or valid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from embedsvc.extract.builder import RowBuilder
from embedsvc.extract.columns import choose_columns
from embedsvc.extract.rows import FileDefect, Reject, Row, SourceOptions

_BATCH_ROWS = 2048
_BUFFER = 1 << 20


def read_parquet(path: Path, builder: RowBuilder, options: SourceOptions) -> Iterator[Row | Reject]:
    """Read the rows of a file, numbered from 1, in bounded memory.

    Raises:
        FileDefect: not a Parquet file, broken on the way, or without a usable column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    broken = (pa.ArrowException, OSError, ValueError, OverflowError)
    try:
        # Without pre-buffering a row group is streamed rather than loaded whole.
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER)
    except broken as err:
        raise FileDefect(
            f"Expected a Parquet file, got: {_first_line(err)}. Write the file anew."
        ) from err
    with file:
        schema = file.schema_arrow
        chosen = choose_columns(schema.names, options)
        _check_text_type(pa, schema.field(chosen.text).type, chosen.text)
        if chosen.id is not None:
            _check_id_type(pa, schema.field(chosen.id).type, chosen.id)
        wanted = {chosen.text, *chosen.include}
        wanted |= set() if chosen.id is None else {chosen.id}
        # The analytics threads of Arrow would take the cores away from the encoder.
        batches = file.iter_batches(_BATCH_ROWS, columns=sorted(wanted), use_threads=False)
        line = 0
        while True:
            try:
                batch = next(batches, None)
                if batch is None:
                    return
                values = {name: _to_python(pa, batch.column(name)) for name in wanted}
            except broken as err:
                raise FileDefect(
                    f"Expected a whole Parquet file, got an error after row {line:,}: "
                    f"{_first_line(err)}. Write the file anew."
                ) from err
            texts = values[chosen.text]
            ids = None if chosen.id is None else values[chosen.id]
            for at, text in enumerate(texts):
                line += 1
                yield builder.build(
                    line,
                    text,
                    None if ids is None else ids[at],
                    {name: values[name][at] for name in chosen.include},
                )


def _check_text_type(pa: Any, kind: Any, name: str) -> None:
    if not _is_string(pa, kind):
        raise FileDefect(
            f"Expected the column {name!r} to hold strings, got the type {kind}. "
            "Cast it to string, or choose another column with --column.",
            str(kind),
        )


def _check_id_type(pa: Any, kind: Any, name: str) -> None:
    if not (_is_string(pa, kind) or pa.types.is_integer(kind)):
        raise FileDefect(
            f"Expected the id column {name!r} to hold strings or integers, got the type {kind}. "
            "Cast it to string or int64, or choose another column with --id-column.",
            str(kind),
        )


def _is_string(pa: Any, kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    types = pa.types
    return any(
        test(kind) for test in (types.is_string, types.is_large_string, types.is_string_view)
    )


def _to_python(pa: Any, array: Any) -> list[Any]:
    kind = array.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        # Python's datetime ends at microseconds; nanoseconds would need pandas.
        array = array.cast(pa.timestamp("us", tz=kind.tz), safe=False)
    elif pa.types.is_duration(kind) and kind.unit == "ns":
        array = array.cast(pa.duration("us"), safe=False)
    elif pa.types.is_time64(kind) and kind.unit == "ns":
        array = array.cast(pa.time64("us"), safe=False)
    try:
        values: list[Any] = array.to_pylist()
    except UnicodeDecodeError:
        if not _is_string(pa, kind):
            raise
        # Arrow does not check strings on reading: keep the bad bytes for the row's own defect.
        plain = array.dictionary_decode() if pa.types.is_dictionary(kind) else array
        values = [
            None if one is None else one.decode("utf-8", "surrogateescape")
            for one in plain.cast(pa.large_binary()).to_pylist()
        ]
    return values


def _first_line(err: BaseException) -> str:
    return (str(err).splitlines() or [type(err).__name__])[0].rstrip(".")
