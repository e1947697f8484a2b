"""What `match` leaves behind: rows, the homography, a picture, and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from embedsvc.errors import InputError
from embedsvc.extract.outputs import beside
from embedsvc.jobs.match import Matched, MatchOptions, Picture
from embedsvc.report.match_picture import MatchRow, write_match_picture
from embedsvc.report.numbers import format_percent, plural
from embedsvc.tables.results import STDOUT, check_absent, write_results
from embedsvc.tables.row_files import check_place

HOMOGRAPHY = "homography.json"
"""What the file with the homography adds to the name of the output."""

_PICTURE = ".png"
_Pictures = tuple[Picture, Picture]


def check_picture(path: Path, inputs: Sequence[Path], *, overwrite: bool) -> None:
    """Check where the picture of the matches would go, before anything is read.

    Args:
        path: of the picture.
        inputs: files that are read.
        overwrite: whether a picture that stands there may be replaced.

    Raises:
        InputError: it does not end in .png, or is one of the inputs.
        ResumeError: there is such a file.
        OutputError: it is a folder, or out of reach.
    """
    # No results end so, which is why the two cannot be one file.
    if path.suffix.lower() != _PICTURE:
        raise InputError(
            f"Expected a picture that ends in {_PICTURE}, got {path.name!r}. Rename it, for "
            f"example to {path.stem or 'matches'}{_PICTURE}."
        )
    check_place(path, inputs)
    check_absent(path, overwrite=overwrite)


def write_matches(
    path: Path | None,
    matched: Matched,
    pictures: _Pictures,
    stream: IO[bytes],
    *,
    model: str,
    options: MatchOptions,
) -> None:
    """Write the rows, and the homography beside them where one was looked for.

    Args:
        path: as `plan_results` gave it; None for JSON lines to the stream.
        matched: the matches.
        pictures: both.
        stream: standard output.
        model: what described the points, as it was named.
        options: how.

    Raises:
        OutputError: it cannot be written.
    """
    metadata = {
        "made_by": "match",
        "model": model,
        "image_a": str(pictures[0].path),
        "image_b": str(pictures[1].path),
        **asdict(options),
        "threshold": matched.threshold,
    }
    found = matched.fit is not None
    extras = {HOMOGRAPHY: homography_facts(matched, pictures)} if found else {}
    absent = () if found else (HOMOGRAPHY,)
    write_results(path, matched.table(), stream, metadata=metadata, extras=extras, absent=absent)


def homography_facts(matched: Matched, pictures: _Pictures) -> dict[str, Any]:
    """The homography and what to think of it, as JSON values; empty where none was looked for."""
    fit = matched.fit
    if fit is None:
        return {}
    return {
        "homography": None if fit.homography is None else fit.homography.tolist(),
        "from": str(pictures[0].path),
        "to": str(pictures[1].path),
        "n_matches": len(matched),
        "n_inliers": fit.n_inliers,
        "threshold": matched.threshold,
        "reason": fit.reason,
    }


def draw_matches(path: Path, a: Picture, b: Picture, found: Sequence[tuple[str, Matched]]) -> None:
    """Draw the matches of one model, or of one before and one after.

    Args:
        path: of the picture.
        a: the first picture.
        b: the second one.
        found: for each model what it is called, and its matches.

    Raises:
        OutputError: it cannot be written.
    """
    begins = ("Before: ", "After: ") if len(found) == 2 else ("",)
    rows = [_row(begin + name, one) for begin, (name, one) in zip(begins, found, strict=True)]
    write_match_picture(a.image, b.image, rows, path, names=(a.path.name, b.path.name))


def _row(title: str, matched: Matched) -> MatchRow:
    inliers = None if matched.fit is None else matched.fit.inliers
    return MatchRow(title, matched.points_a, matched.points_b, inliers)


def advice(matched: Matched, pictures: _Pictures, options: MatchOptions) -> list[str]:
    """What a user should know and try where little was found."""
    empty = [one for one in pictures if not len(one.points)]
    if empty:
        return [
            f"{one.path} has no keypoints, as it shows hardly any structure. Try --keypoints grid, "
            "or name points with --points-a and --points-b."
            for one in empty
        ]
    if not len(matched):
        tried = [*(["--no-mutual"] if options.mutual else []), "more --points", "another --model"]
        if options.ratio is not None:
            tried.insert(0, f"a higher --ratio than {options.ratio:g}")
        return [f"There are no matches. Try {', '.join(tried[:-1])} or {tried[-1]}."]
    if matched.fit is not None and matched.fit.reason is not None:
        return [
            f"There is no homography: {matched.fit.reason}. It relates pictures of something flat, "
            "or taken from one place; for these try a higher --threshold, more --points or another "
            "--model."
        ]
    return []


def summary(output: str, matched: Matched, pictures: _Pictures, plot: Path | None) -> str:
    """What was found and where it is."""
    n_a, n_b = (len(one.points) for one in pictures)
    told = f"{output}: {plural(len(matched), 'match', 'matches')} of {n_a:,} and {n_b:,} points"
    fit = matched.fit
    if fit is not None and fit.homography is not None:
        share = format_percent(fit.n_inliers / len(matched))
        told += f", {fit.n_inliers:,} ({share}) agree on one homography"
        told += "" if output == STDOUT else f" ({beside(Path(output), HOMOGRAPHY)})"
    return told if plot is None else f"{told}; drawn in {plot}"
