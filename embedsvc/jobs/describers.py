"""From the name of a model to what describes points with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from embedsvc.catalogue.cards import list_models
from embedsvc.errors import ArtifactError, InputError
from embedsvc.extract.rows import printable
from embedsvc.pairs.baselines import BASELINES
from embedsvc.pairs.pair import Describer

_KERAS = "keras:"


def find_describer(name: str) -> Callable[[], Describer]:
    """Find what describes points, without loading it: TensorFlow is not imported yet.

    Args:
        name: a baseline such as "sift", an image model of the catalogue, "keras:NAME", or the
            folder of a trained descriptor. A folder that is called as one of the first is named
            with its path, as in "./sift".

    Returns:
        A function that loads it.

    Raises:
        InputError: there is no such thing; the message lists what there is.
        ArtifactError: the folder holds no saved model.

    Example:
        >>> find_describer("sift")().name
        'SIFT'
    """
    if name in BASELINES:
        return BASELINES[name]
    if name in _image_models() or name.startswith(_KERAS):
        return lambda: _untrained(name)
    folder = Path(name)
    try:
        is_folder, exists = bool(name) and folder.is_dir(), folder.is_file()
    except (OSError, ValueError):  # A name too long, or with a zero byte.
        is_folder = exists = False
    if is_folder:
        _check_folder(folder)
        return lambda: _saved(folder)
    texts = any(card.name == name for card in list_models())
    what = " a file" if exists else " a model for texts" if texts else ""
    raise InputError(
        f"Expected a model that describes points of pictures, got{what} {printable(name)!r}. There "
        f"are {', '.join(_image_models())} (untrained), {', '.join(BASELINES)} (no network), and "
        "the folders that embedsvc train-pairs writes."
    )


def load_describer(name: str) -> Describer:
    """Load what describes points; see `find_describer`.

    Raises:
        InputError: there is no such thing.
        ArtifactError: the folder is no usable descriptor.
        WeightsError: the weights could not be fetched.
    """
    return find_describer(name)()


def _check_folder(folder: Path) -> None:
    """Refuse at once what is no saved model at all; loading it checks the rest."""
    if not any(folder.glob("*.json")):
        raise ArtifactError(
            f"Expected a trained descriptor, got the folder {printable(str(folder))} without one. "
            "Name the folder that embedsvc train-pairs wrote."
        )


def _image_models() -> list[str]:
    return [card.name for card in list_models() if card.kind == "image"]


def _untrained(name: str) -> Describer:
    # Here and below: these import TensorFlow.
    from embedsvc.pairs.point_descriptor import untrained_descriptor

    return untrained_descriptor(name)


def _saved(folder: Path) -> Describer:
    from embedsvc.store.descriptors import load_descriptor

    return load_descriptor(folder)
