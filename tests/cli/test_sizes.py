"""Sizes of images on the command line."""

import click
import pytest

from embedsvc.cli.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("256", (256, 256)), ("256x320", (256, 320)), ("64X32", (64, 32)), (None, None)],
)
def test_sizes(text, size):
    assert parse_size(None, None, text) == size


@pytest.mark.parametrize("text", ["", "0", "x", "256x", "-1", "256x0", "1e3", "256 320", "100000"])
def test_no_sizes(text):
    with pytest.raises(click.BadParameter, match="is no size. Pass height x width in pixels"):
        parse_size(None, None, text)
