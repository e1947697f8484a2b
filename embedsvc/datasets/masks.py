"""Which ground-truth mask belongs to which image, by name alone."""

from __future__ import annotations

import logging
from pathlib import Path, PurePosixPath

from embedsvc.datasets.walk import is_image_name, walk_files

_MARK = "_mask"
_logger = logging.getLogger(__name__)


class Masks:
    """The masks in `ground_truth/<defect>/`, named `<stem>_mask` or `<stem>` as their images are.

    Images of one defect may lie in train and in test: a mask is then of the split that asked first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_stem: dict[str, dict[str, Path]] = {}
        self._asked_by: dict[Path, str | None] = {}

    def find(self, defect: str, image: str, split: str | None) -> Path | None:
        """The mask of an image, or None.

        Args:
            defect: the name of the image's folder.
            image: the path of the image below that folder, with forward slashes.
            split: the split of the image.
        """
        if defect not in self._by_stem:
            self._by_stem[defect] = _stems(self._folder / defect)
        masks = self._by_stem[defect]
        stem = _stem(image)
        mask = masks.get(stem + _MARK) or masks.get(stem)
        if mask is None or self._asked_by.setdefault(mask, split) != split:
            return None
        return mask

    def warn_of_strangers(self) -> None:
        """Log the defects that have masks of which none belongs to an image.

        Such names are a mistake, or a layout with several masks an image: pixel figures would be
        missing without a word.
        """
        for defect, masks in self._by_stem.items():
            if masks and not any(mask in self._asked_by for mask in masks.values()):
                example = next(iter(masks.values())).relative_to(self._folder / defect)
                _logger.warning(
                    "None of the %d masks in %s belongs to an image: expected the name of the "
                    "image with or without %s, got %s. These images go without masks.",
                    len(masks),
                    self._folder / defect,
                    _MARK,
                    example.as_posix(),
                )


def _stems(folder: Path) -> dict[str, Path]:
    stems: dict[str, Path] = {}
    if folder.is_dir():
        for name in walk_files(folder):
            if is_image_name(name):
                stems.setdefault(_stem(name), folder / name)
    return stems


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()
