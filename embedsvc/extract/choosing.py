"""Whether a run is about texts or images: its inputs and its model have to agree."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedsvc.catalogue.cards import get_model
from embedsvc.encoders.descriptor_layout import is_descriptor_folder
from embedsvc.encoders.tfhub_handles import is_tfhub_handle
from embedsvc.errors import ArtifactError, InputError
from embedsvc.extract.kinds import IMAGES, TEXTS, Kind
from embedsvc.extract.rows import printable
from embedsvc.extract.sources import STDIN
from embedsvc.images.records import IMAGE_ENDINGS


@dataclass(frozen=True)
class Choice:
    """What a run is about.

    Attributes:
        kind: texts or images.
        model: the model asked for, or the default one of the kind.
        table: whether rows come from files with columns or lines, as texts do and images whose
            paths a table lists; False for images found in folders.
    """

    kind: Kind
    model: str
    table: bool


def choose(inputs: Sequence[str], *, model: str | None = None, column: str | None = None) -> Choice:
    """Find out what a run is about, without reading anything.

    Folders are images, and so are files and globs with an image's ending; everything else is
    texts, or images if the model takes images and the column with their paths is named.

    Args:
        inputs: files, folders, globs, or "-" for standard input.
        model: the model asked for; None for the default one.
        column: the column asked for, of files that have columns.

    Raises:
        InputError: texts and images are mixed, or the model does not take them.
        ArtifactError: the catalogue has no such model.
    """
    examples = {kind.name: text for text in inputs for kind in _kinds_of_input(text)}
    if len(examples) > 1:
        raise InputError(
            f"Expected either texts or images, got both: {printable(examples[TEXTS.name])!r} is "
            f"read as texts, {printable(examples[IMAGES.name])!r} as images. Extract them apart: "
            f"--model {TEXTS.default_model} is for texts, --model {IMAGES.default_model} for "
            "images. Of images among other files, pass the folder or a glob such as 'FOLDER/*.jpg'."
        )
    given = IMAGES if IMAGES.name in examples else TEXTS
    wanted = given if model is None else kind_of_model(model)
    table = given is TEXTS
    if wanted is not given and not (table and column is not None and STDIN not in inputs):
        raise InputError(_mismatch(given, wanted, str(model), examples.get(given.name, "")))
    return Choice(wanted, wanted.default_model if model is None else model, table)


def kind_of_model(model: str) -> Kind:
    """What a model takes, by its name, or by what a folder says of itself.

    Args:
        model: a catalogue name, "keras:NAME", "huggingface:OWNER/NAME", "tfhub:HANDLE", or a
            folder.

    Raises:
        ArtifactError: the catalogue has no such model.
    """
    if model.startswith("keras:"):
        return IMAGES
    if is_tfhub_handle(model):
        return TEXTS
    # As when it is loaded, a name of the catalogue wins over a folder of the same name.
    try:
        return IMAGES if get_model(model).kind == "image" else TEXTS
    except InputError as err:
        if is_descriptor_folder(model):
            return IMAGES
        if {"/", "."} & set(model) or Path(model).is_dir():
            return TEXTS
        # It is the model that is not usable, and no row of the input.
        raise ArtifactError(str(err)) from err


def _mismatch(given: Kind, wanted: Kind, model: str, example: str) -> str:
    if given is TEXTS:
        cure = (
            "Or pass images: a folder, files such as part.jpg, or a CSV or Parquet file with "
            "--column PATH, the column that holds the paths of images."
        )
    else:
        cure = "Or pass texts: files, or a glob such as 'FOLDER/*.csv'."
    return (
        f"Expected {wanted.name}, as {printable(model)!r} is a model of {wanted.name}, got "
        f"{given.name}: {printable(example)!r}. Use --model {given.default_model}, the default of "
        f"{given.name}. {cure}"
    )


def _kinds_of_input(text: str) -> Iterator[Kind]:
    """The kinds of what an input names; a glob may name both."""
    if text == STDIN:
        yield TEXTS
        return
    path = Path(text)
    try:
        if text and path.is_dir():
            yield IMAGES
            return
        is_pattern = glob.has_magic(text) and not path.exists()
    except OSError:  # Such as a name that is too long; opening it tells.
        is_pattern = False
    if not is_pattern or (path.suffix and not glob.has_magic(path.suffix)):
        yield _kind_of_name(text)
        return
    # Path.glob takes no absolute patterns.
    matches = [Path(one) for one in glob.glob(text, recursive=True)]  # noqa: PTH207
    files = {_kind_of_name(one.name) for one in matches if not one.is_dir()}
    yield from files or {IMAGES if matches else TEXTS}


def _kind_of_name(name: str) -> Kind:
    return IMAGES if name.lower().endswith(IMAGE_ENDINGS) else TEXTS
