"""The look at an output folder before a long run: is it free, or something that may be replaced?"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from embedsvc.errors import OutputError


def check_output_folder(
    output: Path,
    *,
    names: Collection[str],
    is_own: Callable[[Path], bool],
    what: str,
    overwrite: bool,
) -> None:
    """Refuse an output folder that is in use, before the work begins.

    Writing it looks again: `store.places.write_folder`.

    Args:
        output: the folder.
        names: files that such a folder may hold.
        is_own: whether a folder that is not empty says that it is of this kind.
        what: the kind in words, such as "packed pairs".
        overwrite: whether a folder of this kind may be replaced.

    Raises:
        OutputError: it is a file, a folder of something else, or may not be replaced.
    """
    try:
        if output.exists() and not output.is_dir():
            raise OutputError(f"Expected {output} to be a folder, got a file. Choose another one.")
        found = {path.name for path in output.iterdir()} if output.exists() else set()
    except OSError as err:
        raise OutputError(
            f"Expected a folder to write to, got {output}: {err.strerror or err}. Choose another "
            "one."
        ) from err
    others = sorted(found - set(names))
    if others or (found and not is_own(output)):
        first = ", ".join((others or sorted(found))[:3])
        raise OutputError(
            f"Expected {output} to be new, got a folder with {first}. Choose another one; only "
            f"{what} can be replaced."
        )
    if found and not overwrite:
        raise OutputError(
            f"Expected {output} to be new, got {what}. Choose another folder, or add --overwrite "
            "to replace it."
        )
