"""Pairs that belong together, where a manifest does not say so."""

from os.path import normpath
from pathlib import Path

from embedsvc.datasets.pair_sequences import Sequences


def sequences_of(*pairs):
    found = Sequences(Path("/set"))
    pairs = [
        (normpath(f"/set/{a}"), normpath(f"/set/{b}"), *rest)
        if rest
        else (normpath(f"/set/{a}"), normpath(f"/set/{b}"), "")
        for a, b, *rest in pairs
    ]
    for pair in pairs:
        found.add(*pair)
    return found, [found.of(*pair) for pair in pairs]


def test_the_folder_of_the_first_image():
    found, names = sequences_of(("x/1", "x/2"), ("y/z/1", "y/2"), ("1", "2"))
    assert names == ["x", "y/z", "."]
    assert "folder" in found.how
    assert not found.shared


def test_in_one_folder_images_that_are_linked():
    pairs = [("all/3", "all/4"), ("all/1", "all/2"), ("all/5", "b/6"), ("all/2", "all/5")]
    found, names = sequences_of(*pairs)
    assert names == ["all/3", "all/1", "all/1", "all/1"]
    assert "share images" in found.how


def test_chains_are_one_sequence_in_any_order():
    chain = [(str(at), str(at + 1)) for at in range(300)]
    for pairs in (chain, chain[::-1], chain[::2] + chain[1::2]):
        assert set(sequences_of(*pairs)[1]) == {pairs[0][0]}


def test_names_in_the_manifest_come_first():
    found, names = sequences_of(("x/1", "x/2", "own"), ("x/3", "x/4"), ("x/4", "x/5"))
    assert names == ["own", "x/3", "x/3"]
    found, names = sequences_of(("x/1", "y/2", "p"), ("y/2", "z/2", "p"))
    assert names == ["p", "p"]
    assert found.how is None


def test_an_image_of_two_sequences_is_told():
    found, _ = sequences_of(("x/1", "x/2"), ("y/1", "x/2"))
    assert found.shared == {"/set/x/2": ("x", "y")}


def test_images_that_are_elsewhere():
    assert sequences_of(("../data/x/1", "x/2"), ("../data/y/1", "y/2"))[1] == ["x", "y"]
    assert sequences_of(("../data/1", "../data/2"))[1] == ["1"]
