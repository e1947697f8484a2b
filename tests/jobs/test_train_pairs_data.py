"""What is learned from: which kind it is, and how it is split."""

import pytest
from tiny_pair_training import draw_photos, write_fake_packed

from embedsvc.errors import ArtifactError, InputError
from embedsvc.jobs.train_pairs_data import (
    data_digest,
    find_data,
    read_packed,
    split_sequences,
    spread_pairs,
)
from embedsvc.jobs.train_pairs_pictures import Pictures
from embedsvc.pairs.packed import PackedPairs, read_about

SEQUENCES = {name: 2 for name in "abcdefghij"}


@pytest.fixture
def packed(tmp_path):
    return write_fake_packed(tmp_path / "packed", SEQUENCES)


def test_both_kinds_are_found(packed, tmp_path):
    assert isinstance(find_data([str(packed)]), PackedPairs)
    assert isinstance(find_data([str(draw_photos(tmp_path / "photos", 2))]), Pictures)


def test_a_manifest_is_to_be_packed(tmp_path):
    (tmp_path / "pairs.csv").write_text("image_a,image_b,matches\n")
    for read in (lambda path: find_data([path]), read_packed):
        with pytest.raises(InputError, match=r"embedsvc pairs pack .*pairs\.csv -o packed"):
            read(str(tmp_path / "pairs.csv"))


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (["-"], "standard input"),
        (["packed", "packed"], "packed pairs alone, got packed among 2 places"),
        (["nowhere"], "which does not exist"),
        (["\0.csv"], "which does not exist"),
    ],
)
def test_mistakes(packed, monkeypatch, places, message):
    monkeypatch.chdir(packed.parent)
    with pytest.raises(InputError, match=message):
        find_data(places)


def test_packed_pairs_that_changed(packed):
    (packed / "pairs-00000-of-00001.tfrecord").write_bytes(repr(SEQUENCES).encode().upper())
    with pytest.raises(ArtifactError, match="to have the sha256"):
        find_data([str(packed)])
    with pytest.raises(ArtifactError, match=r"with pairs\.json, got"):
        read_packed(packed.parent)


@pytest.mark.parametrize(
    ("share", "n_held"), [(0, 0), (0.01, 1), (0.2, 2), (0.25, 2), (0.5, 5), (0.99, 9)]
)
def test_whole_sequences_are_held_out(packed, share, n_held):
    split = split_sequences(read_about(packed), share=share, seed=0)
    assert len(split.held_out) == n_held
    assert sorted(split.training + split.held_out) == list(SEQUENCES)
    assert list(split.training) == sorted(split.training)


def test_the_seed_chooses(packed):
    about = read_about(packed)
    splits = [split_sequences(about, share=0.2, seed=seed).held_out for seed in (0, 0, 1, 2)]
    assert splits[0] == splits[1] and len(set(splits)) > 1


def test_one_sequence_is_not_held_out(tmp_path):
    about = read_about(write_fake_packed(tmp_path / "one", {"a": 7}))
    split = split_sequences(about, share=0.5, seed=0)
    assert (split.training, split.held_out) == (("a",), ())


def test_pictures_that_look_alike_stay_together(tmp_path):
    photos = draw_photos(tmp_path / "photos", 10)
    (photos / "copy.png").write_bytes((photos / "4.png").read_bytes())
    found = find_data([str(photos)])
    for seed in range(12):
        held = split_sequences(found, share=0.1, seed=seed).held_out
        assert (str(photos / "4.png") in held) == (str(photos / "copy.png") in held)
        assert len(held) == 1 + (str(photos / "4.png") in held)


@pytest.mark.parametrize(
    ("sequences", "most", "expected"),
    [
        ({"a": 3}, 20, {"a": [0, 1, 2]}),
        ({"a": 100}, 2, {"a": [25, 75]}),
        ({"a": 1, "b": 100}, 4, {"a": [0], "b": [16, 50, 83]}),
        ({"a": 1, "b": 1, "c": 9}, 4, {"a": [0], "b": [0], "c": [2, 6]}),
        (dict.fromkeys("abcde", 5), 2, {"b": [2], "d": [2]}),
        ({"a": 2, "b": 2}, 4, {"a": [0, 1], "b": [0, 1]}),
    ],
)
def test_pairs_are_spread(tmp_path, sequences, most, expected):
    about = read_about(write_fake_packed(tmp_path / "p", sequences))
    assert spread_pairs(about, list(sequences), most) == expected


def test_no_sequences_no_pairs(packed):
    assert spread_pairs(read_about(packed), [], 20) == {}


def test_digests_differ(packed, tmp_path):
    other = write_fake_packed(tmp_path / "other", {"a": 2})
    same = write_fake_packed(tmp_path / "same", SEQUENCES)
    digests = [data_digest(read_about(one)) for one in (packed, other, same)]
    assert digests[0] == digests[2] != digests[1] and len(digests[0]) == 64
