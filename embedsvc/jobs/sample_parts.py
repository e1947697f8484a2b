"""The sample pictures of parts as files, laid out like the MVTec anomaly sets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from embedsvc.errors import OutputError
from embedsvc.extract.folder import reason_of
from embedsvc.samples.parts import DEFECTS, defective_part, normal_part

N_TRAIN_GOOD = 80
N_TEST_GOOD = 24
N_EACH_DEFECT = 8


def write_sample_parts(folder: Path, *, seed: int = 0) -> None:
    """Write pictures of parts, good ones to learn from and both kinds to test with.

    The layout, with 80 + 24 good pictures and 8 of each defect:

        train/good/000.png
        test/good/000.png
        test/scratch/000.png            test/hole/...            test/stain/...
        ground_truth/scratch/000_mask.png  (white on the defect)  ...

    Args:
        folder: made if need be; earlier pictures in it are replaced.
        seed: other seeds give other pictures of the same part.

    Raises:
        OutputError: the folder cannot be written.

    Example:
        >>> write_sample_parts(Path("parts"))  # doctest: +SKIP
    """
    pictures = _plan(folder, seed)
    try:
        for parent in {path.parent for picture in pictures for path in picture.paths}:
            parent.mkdir(parents=True, exist_ok=True)
        # Each picture has a generator of its own, so threads cannot change what it shows.
        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(_write, pictures))
    except OSError as err:
        raise OutputError(
            f"Expected to write pictures to {folder}, but {reason_of(err)}. "
            "Cure that and run it again, or choose another folder."
        ) from err


@dataclass(frozen=True)
class _Picture:
    """A picture to be made: its file, its own source of chance, and its defect if it has one."""

    path: Path
    chance: np.random.SeedSequence
    defect: str | None = None
    mask: Path | None = None

    @property
    def paths(self) -> list[Path]:
        return [self.path] if self.mask is None else [self.path, self.mask]


def _plan(folder: Path, seed: int) -> list[_Picture]:
    chances = iter(
        np.random.SeedSequence(seed).spawn(
            N_TRAIN_GOOD + N_TEST_GOOD + N_EACH_DEFECT * len(DEFECTS)
        )
    )
    good = [
        _Picture(folder / split / "good" / f"{i:03}.png", next(chances))
        for split, count in (("train", N_TRAIN_GOOD), ("test", N_TEST_GOOD))
        for i in range(count)
    ]
    bad = [
        _Picture(
            folder / "test" / defect / f"{i:03}.png",
            next(chances),
            defect=defect,
            mask=folder / "ground_truth" / defect / f"{i:03}_mask.png",
        )
        for defect in DEFECTS
        for i in range(N_EACH_DEFECT)
    ]
    return good + bad


def _write(picture: _Picture) -> None:
    rng = np.random.default_rng(picture.chance)
    # Fast compression: the quick start waits for it, and grain hardly compresses anyway.
    if picture.defect is None or picture.mask is None:
        Image.fromarray(normal_part(rng)).save(picture.path, compress_level=1)
        return
    pixels, mask = defective_part(rng, picture.defect)
    Image.fromarray(pixels).save(picture.path, compress_level=1)
    Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(picture.mask, compress_level=1)
