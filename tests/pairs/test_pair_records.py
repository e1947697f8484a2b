"""Packed pairs: what is written is read, and what is damaged is named."""

import json
from io import BytesIO

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from embedsvc.errors import ArtifactError, InputError
from embedsvc.pairs.packed import check_shards, is_packed, read_about
from embedsvc.pairs.pair import MatchedPair
from embedsvc.pairs.record_writing import PairWriter
from embedsvc.pairs.records import pairs_dataset, read_pairs

SIZE_A, SIZE_B = (20, 30), (24, 16)


def picture(level, size):
    buffer = BytesIO()
    Image.new("RGB", size[::-1], (level, level, level)).save(buffer, "PNG")
    return buffer.getvalue()


def make_pair(at):
    points = np.random.default_rng(at).uniform(0, 15, (3 + at, 2)).astype(np.float32)
    images = picture(at, SIZE_A), picture(at + 100, SIZE_B)
    return MatchedPair(f"größe {at}", *images, points, points[::-1].copy(), f"s{at // 4}")


PAIRS = [make_pair(at) for at in range(10)]


def write(folder, pairs=PAIRS, shard_bytes=2500):
    folder.mkdir()
    writer = PairWriter(folder, shard_bytes=shard_bytes)
    for pair in pairs:
        writer.write(pair, SIZE_A, SIZE_B)
    return writer.finish({"min_matches": 1})


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "packed")
    return tmp_path / "packed"


def assert_equal(found, expected):
    for name in ("name", "image_a", "image_b", "sequence"):
        assert getattr(found, name) == getattr(expected, name)
    for name in ("points_a", "points_b"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert getattr(found, name).dtype == np.float32


def test_pairs_come_back(folder):
    for found, expected in zip(read_pairs(folder), PAIRS, strict=True):
        assert_equal(found, expected)


def test_what_the_folder_says(folder):
    about = read_about(folder)
    assert about.n_pairs == 10
    assert (about.least, about.median, about.most, about.n_matches) == (3, 7.5, 12, 75)
    assert about.largest_side == 30
    assert about.sequences == {"s0": 4, "s1": 4, "s2": 2}
    assert about.settings == {"min_matches": 1}
    assert len(about.shards) > 1
    assert {path.name for path in folder.iterdir()} == {
        "pairs.json",
        *(shard.file for shard in about.shards),
    }
    assert about.n_bytes == sum(path.stat().st_size for path in about.paths)
    check_shards(about)
    assert is_packed(folder)
    assert not is_packed(folder.parent)


def test_the_same_pairs_give_the_same_bytes(folder):
    other = folder.with_name("other")
    write(other)
    for path in folder.iterdir():
        assert (other / path.name).read_bytes() == path.read_bytes()


def test_one_pair_and_none(tmp_path):
    assert write(tmp_path / "one", PAIRS[:1]).median == 3
    assert_equal(*read_pairs(tmp_path / "one"), PAIRS[0])
    with pytest.raises(InputError, match="at least one pair"):
        write(tmp_path / "none", [])
    assert not is_packed(tmp_path / "none")


def names(dataset):
    return [element["name"].decode() for element in dataset.as_numpy_iterator()]


def test_a_dataset_has_the_pairs_in_order(folder):
    dataset = pairs_dataset(folder)
    assert set(dataset.element_spec) == {
        "image_a",
        "image_b",
        "points_a",
        "points_b",
        "name",
        "sequence",
    }
    assert dataset.element_spec["points_a"] == tf.TensorSpec((None, 2), tf.float32)
    for element, pair in zip(dataset.as_numpy_iterator(), PAIRS, strict=True):
        assert element["image_b"] == pair.image_b
        np.testing.assert_array_equal(element["points_b"], pair.points_b)


def test_a_seed_gives_an_order(folder):
    shuffled = pairs_dataset(folder, seed=1)
    order = names(shuffled)
    assert sorted(order) == sorted(pair.name for pair in PAIRS)
    assert order != [pair.name for pair in PAIRS]
    assert names(shuffled) == names(pairs_dataset(folder, seed=1)) == order
    assert names(pairs_dataset(folder, seed=2)) != order
    tf.random.set_seed(0)
    try:
        assert names(pairs_dataset(folder, seed=1)) == order
    finally:
        tf.random.set_seed(None)


def test_a_buffer_smaller_than_the_folder(folder, monkeypatch):
    monkeypatch.setattr("embedsvc.pairs.records._BUFFER_BYTES", 1)
    order = names(pairs_dataset(folder, seed=1))
    assert sorted(order) == sorted(pair.name for pair in PAIRS)


@pytest.mark.parametrize("seed", [None, 3])
def test_sequences_are_chosen(folder, seed):
    found = names(pairs_dataset(folder, sequences=["s0", "s2"], seed=seed))
    assert sorted(found) == sorted(pair.name for pair in PAIRS if pair.sequence != "s1")


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        (["s0", "graf"], "got 'graf'. It has 's0', 's1', 's2'."),
        ("s0", "list"),
        ([], "at least one"),
    ],
)
def test_sequences_that_are_not_there(folder, sequences, message):
    with pytest.raises(InputError, match=message):
        pairs_dataset(folder, sequences=sequences)


# Damage


def shard(folder, at=1):
    return sorted(folder.glob("*.tfrecord"))[at]


def read_all(folder):
    return list(read_pairs(folder))


@pytest.mark.parametrize("read", [read_about, read_all, pairs_dataset])
def test_files_that_are_cut_or_gone(folder, read):
    path = shard(folder)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArtifactError, match=rf"{path.name} with [\d,]+ bytes, got"):
        read(folder)
    path.unlink()
    with pytest.raises(ArtifactError, match="got none"):
        read(folder)


def test_a_byte_that_changed_is_named_by_its_record(folder):
    path = shard(folder)
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    number = read_about(folder).shards[1].pairs
    with pytest.raises(ArtifactError, match=rf"{path.name}, record {number}, got a damaged record"):
        read_all(folder)
    with pytest.raises(ArtifactError, match="sha256"):
        check_shards(read_about(folder))


@pytest.mark.parametrize("read", [read_all, pairs_dataset])
def test_a_wild_length_never_reaches_tensorflow(folder, read):
    path = shard(folder)
    data = bytearray(path.read_bytes())
    data[:8] = (1 << 62).to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match="whole records in"):
        read(folder)


class Changed(PairWriter):
    """Writes what `change` makes of a record."""

    def write(self, pair, size_a, size_b, *, change):
        super().write(pair, size_a, size_b)
        self._writer.close()
        path, _ = self._shards[-1]
        [record] = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
        example = tf.train.Example.FromString(record)
        change(example.features.feature)
        self._writer = tf.io.TFRecordWriter(str(path))
        self._writer.write(example.SerializeToString())


def drop(name):
    return lambda feature: feature.pop(name)


def put(name, kind, *values):
    def change(feature):
        del getattr(feature[name], kind).value[:]
        getattr(feature[name], kind).value.extend(values)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("image_a"), "damaged record"),
        (drop("points_b"), "damaged record"),
        (put("n_points", "int64_list", 2), "damaged record"),
        (put("points_a", "float_list", 1, 2, 3), "damaged record"),
        (put("points_a", "float_list", 1, 2, 3, 4, 5, np.nan), "as image_a of"),
        (put("points_b", "float_list", 1, 2, 3, 4, 16, 6), "as image_b of"),
        (put("size_a", "int64_list", 1 << 40, 1 << 40), "as image_a of"),
        (put("size_a", "int64_list", 20), "damaged record"),
        (put("image_b", "bytes_list", b"text"), "as image_b of"),
        (put("name", "bytes_list", b"\xff"), "names in UTF-8"),
    ],
)
def test_records_that_are_no_pairs(tmp_path, change, message):
    writer = Changed(tmp_path)
    writer.write(PAIRS[0], SIZE_A, SIZE_B, change=change)
    writer.finish({})
    with pytest.raises(ArtifactError, match=message) as caught:
        read_all(tmp_path)
    assert "00001.tfrecord, record 1" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"what": "detector"}, "what = 'matched-pairs'"),
        ({"format": 2}, "format 1 .* got 2.* Update"),
        ({"format": "1"}, "format in .* a whole number"),
        ({"n_matches": -1}, "agree with itself"),
        ({"median": None}, "median .* a number"),
        ({"sequences": {"a": 1}}, "10 pairs in .* and 1 in sequences"),
        ({"sequences": {"a": "10"}}, "sequences in"),
        ({"shards": []}, "agree with itself"),
        (
            {"shards": [{"file": "../x", "pairs": 10, "bytes": 1, "sha256": ""}]},
            "agree with itself",
        ),
        ({"shards": [{"file": "x"}]}, "pairs in .* got None"),
        ({"shards": 3}, "shards in .* a list"),
        ({"least": 0}, "agree with itself"),
    ],
)
def test_what_the_folder_says_is_checked(folder, change, message):
    path = folder / "pairs.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ArtifactError, match=message):
        read_about(folder)


def test_a_folder_of_something_else(tmp_path):
    with pytest.raises(ArtifactError, match="embedsvc pairs pack MANIFEST"):
        read_about(tmp_path)
    (tmp_path / "pairs.json").write_text("[]")
    with pytest.raises(ArtifactError, match="JSON object"):
        read_about(tmp_path)


def test_a_full_disk_is_an_os_error(tmp_path, monkeypatch):
    writer = PairWriter(tmp_path / "missing")
    with pytest.raises(OSError, match="missing"):
        writer.write(PAIRS[0], SIZE_A, SIZE_B)
