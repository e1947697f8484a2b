"""Names of maps, and what is said about wrong ones."""

import pytest

from embedsvc.encoders.backbone import choose_taps, keep
from embedsvc.errors import InputError

GENERIC = {"stride4": "block2", "last": "head"}
OWN = ["block1", "block2", "head"]


def choose(taps):
    return choose_taps("toy", taps, generic=GENERIC, own=OWN)


def test_generic_and_own_names_in_the_order_asked_for():
    assert list(choose(["last", "block1", "stride4", "block2"]).items()) == [
        ("last", "head"),
        ("block1", "block1"),
        ("stride4", "block2"),
        ("block2", "block2"),
    ]


@pytest.mark.parametrize("taps", [[], (), "last", ["last", "last"]])
def test_no_taps_or_repeated_ones(taps):
    with pytest.raises(InputError, match=r"one or more different taps in a list, such as \['last"):
        choose(taps)


def test_an_unknown_tap():
    with pytest.raises(
        InputError, match=r"a tap of toy: stride4, last, or .* got 'blok2'. Did you"
    ):
        choose(["last", "blok2"])
    with pytest.raises(InputError, match="got 'x'.$"):
        choose(["x"])


def test_keep():
    assert keep(3) == 3
