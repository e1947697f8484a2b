"""What a run is, and whether its result stands already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from embedsvc import __version__
from embedsvc.errors import ArtifactError, InputError, OutputError, ResumeError
from embedsvc.extract.columns import quoted
from embedsvc.extract.embedders import Embedder
from embedsvc.extract.joining import input_digest
from embedsvc.extract.kinds import TEXTS, Inputs, Kind
from embedsvc.extract.outputs import output_format, read_metadata
from embedsvc.extract.parts import PARTS_LAYOUT
from embedsvc.extract.rows import SourceOptions
from embedsvc.extract.windows import windows_of


def check_columns(reading: SourceOptions, kind: Kind = TEXTS) -> None:
    """Check the names of the columns before anything is read.

    Args:
        reading: how the inputs are read.
        kind: what they hold.

    Raises:
        InputError: an included column has a name that the output uses, or a name is not Unicode.
    """
    names = (reading.column, reading.id_column, *reading.include_columns)
    for name in names:
        if name is not None and not _is_unicode(name):
            raise InputError(
                f"Expected names of columns to be Unicode, got {quoted(name)}. "
                "Run in a UTF-8 locale, or rename the column."
            )
    reserved = ("id", "vector", "vectors", *(name for name, _ in kind.info), "metadata")
    taken = [name for name in reading.include_columns if name in reserved]
    if taken:
        raise InputError(
            f"Expected included columns with other names than {', '.join(reserved)}, "
            f"which the output uses itself, got {taken[0]!r}. Rename the column, or use "
            "--id-column for ids."
        )


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_output(output: Path, inputs: Inputs) -> None:
    """Check an output before anything is read.

    Raises:
        InputError: its ending is unknown, or it is one of the inputs.
        OutputError: it is a folder, or out of reach.
    """
    output_format(output)
    try:
        is_folder = output.is_dir()
        is_input = output.exists() and any(output.samefile(path) for path in inputs.files)
    except OSError as err:
        raise OutputError(
            f"Expected a usable output, got {output}: {err.strerror or err}. Choose another output."
        ) from err
    if is_folder:
        raise OutputError(f"Expected {output} to be a file, got a folder. Choose another output.")
    if is_input:
        raise InputError(
            f"Expected an output apart from the inputs, got {output} as both. "
            "Choose another output."
        )


def run_settings(inputs: Inputs, embedder: Embedder) -> dict[str, Any]:
    """All that the vectors depend on; reads files of rows through for their checksums."""
    return {
        "layout": PARTS_LAYOUT,
        "version": __version__,
        **embedder.describe(),
        **inputs.settings(),
    }


def stands_already(
    output: Path, inputs: Inputs, settings: dict[str, Any], *, dtype: str, skip: bool
) -> bool:
    """Whether the output is the finished result of this very run.

    Args:
        output: where the result would stand.
        inputs: read to be compared, if all else is the same and the settings do not tell it.
        settings: of the run.
        dtype: of the vectors.
        skip: whether defects are skipped.

    Raises:
        ResumeError: something else stands there.
    """
    if not output.exists():
        return False
    try:
        made_with = read_metadata(output)
    except ArtifactError:
        made_with = {}
    wanted = orjson.loads(orjson.dumps({**settings, "dtype": dtype}))
    same = all(made_with.get(key) == value for key, value in wanted.items())
    # A run that stops at defects would not have made an output without them.
    same = same and (skip or made_with.get("rejects") == 0)
    if same and not inputs.told_by_settings:
        digests = (window.digest for window in windows_of(inputs))
        same = made_with.get(inputs.kind.digest) == input_digest(digests)
    if same:
        return True
    raise ResumeError(
        f"Expected {output} not to exist, or to be the result of the same command. It is neither: "
        "choose another output, or add --overwrite to replace it."
    )
