"""Small pictures of images for a map: as many as a page can hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from embedsvc.cores import on_all_cores
from embedsvc.errors import InputError
from embedsvc.jobs.pictures import picture_of
from embedsvc.report.numbers import plural

MOST_PICTURES = 2000
_SIDE = 80  # pixels
_AT_A_TIME = 64


def small_pictures(
    files: Sequence[str | None],
    *,
    seed: int = 0,
    advance: Callable[[int], None] = lambda count: None,
) -> tuple[list[bytes | None], str | None]:
    """Read images and make them small.

    Args:
        files: of the images; None where one is not found.
        seed: chooses 2,000 of them where there are more.
        advance: called with the number of images just read.

    Returns:
        JPEG bytes, None for those not found, not readable or not chosen; and what is to be said of
        those left out.
    """
    found = [i for i, file in enumerate(files) if file is not None]
    chosen = found
    if len(found) > MOST_PICTURES:
        drawn = np.random.default_rng(seed).choice(found, MOST_PICTURES, replace=False)
        chosen = sorted(int(i) for i in drawn)
    pictures: list[bytes | None] = [None] * len(files)
    unreadable = 0
    for start in range(0, len(chosen), _AT_A_TIME):
        part = chosen[start : start + _AT_A_TIME]
        for i, picture in zip(part, on_all_cores(_read, [files[i] for i in part]), strict=True):
            pictures[i] = picture
            unreadable += picture is None
        advance(len(part))
    return pictures, _left_out(len(files), len(found), len(chosen), unreadable)


def _read(file: str | None) -> bytes | None:
    try:
        return picture_of(str(file), max_side=_SIDE)
    except InputError:
        return None


def _left_out(n: int, n_found: int, n_chosen: int, n_unreadable: int) -> str | None:
    said = []
    if n_chosen < n_found:
        said.append(f"The map has pictures of {n_chosen:,} of {n_found:,} images.")
    if n_found < n:
        said.append(f"Not found: {plural(n - n_found, 'image')}.")
    if n_unreadable:
        said.append(f"Not readable: {plural(n_unreadable, 'image')}.")
    return " ".join(said) or None
