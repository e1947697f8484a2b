"""Masks by name."""

import logging

from embedsvc.datasets.masks import Masks


def test_names_with_and_without_the_mark(draw):
    root = draw("hole/1_mask.png", "hole/1.png", "hole/2.bmp", "hole/s/3_mask.tif", "hole/4.txt")
    masks = Masks(root)
    assert masks.find("hole", "1.jpg", "test") == root / "hole/1_mask.png"
    assert masks.find("hole", "2.png", "test") == root / "hole/2.bmp"
    assert masks.find("hole", "s/3.png", "test") == root / "hole/s/3_mask.tif"
    assert masks.find("hole", "3.png", "test") is None
    assert masks.find("hole", "4.png", "test") is None
    assert masks.find("crack", "1.png", "test") is None


def test_an_image_called_mask(draw):
    root = draw("hole/1_mask.png")
    assert Masks(root).find("hole", "1_mask.png", None) == root / "hole/1_mask.png"


def test_dots_in_names(draw):
    root = draw("hole/part.1_mask.png", "hole/part.2_mask.png")
    assert Masks(root).find("hole", "part.2.jpg", None) == root / "hole/part.2_mask.png"


def test_a_mask_is_of_the_split_that_asked_first(draw):
    root = draw("hole/1_mask.png")
    masks = Masks(root)
    assert masks.find("hole", "1.png", "test") is not None
    assert masks.find("hole", "1.jpg", "test") is not None
    assert masks.find("hole", "1.png", "train") is None


def test_masks_of_another_naming_are_logged(draw, caplog):
    root = draw("hole/gt_1.png", "hole/gt_2.png", "crack/1_mask.png", "crack/2_mask.png")
    masks = Masks(root)
    masks.find("hole", "1.png", "test")
    masks.find("crack", "1.png", "test")
    with caplog.at_level(logging.WARNING):
        masks.warn_of_strangers()
    (message,) = caplog.messages
    assert message.startswith(f"None of the 2 masks in {root / 'hole'} belongs to an image")
    assert "got gt_1.png" in message
