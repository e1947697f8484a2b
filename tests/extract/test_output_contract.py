"""What every output format promises."""

import errno
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from fake_encoder import FakeEncoder, FakeImageEncoder

from embedsvc import __version__
from embedsvc.errors import EmbedsvcError, InputError, OutputError, ResumeError
from embedsvc.extract import outputs
from embedsvc.extract.outputs import OUTPUT_ENDINGS, read_metadata

ENDINGS = pytest.mark.parametrize("ending", OUTPUT_ENDINGS)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
BESIDE = {".npy": ["ids.jsonl", "metadata.json"], ".jsonl": ["metadata.json"]}


def read(path):
    """An output as vectors and a list of rows, read with what a user would read it with."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        dim = table.schema.field("vector").type.list_size
        vectors = table["vector"].combine_chunks().flatten().to_numpy().reshape(-1, dim)
        return vectors, table.drop_columns("vector").to_pylist()
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            names = [name for name in arrays.files if name not in ("vectors", "metadata")]
            columns = [arrays[name].tolist() for name in names]
            rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
            return arrays["vectors"], rows
    if path.suffix == ".npy":
        lines = path.with_name(path.name + ".ids.jsonl").read_text().splitlines()
        return np.load(path, allow_pickle=False), [json.loads(line) for line in lines]
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return np.array([row.pop("vector") for row in rows]), rows


@ENDINGS
@DTYPES
def test_round_trip(job, ending, dtype):
    ids = ["plain", "two\nlines", "\N{GRINNING FACE}\N{ZERO WIDTH JOINER}", "tab\t\"quote'", "ü,;"]
    ids += [f"more {i}" for i in range(45)]
    texts = ["", " ", "\N{ZERO WIDTH SPACE}", "one two " * 20, *(f"text {i}" for i in range(46))]
    pairs = zip(ids, texts, strict=True)
    source = job.write([{"id": one, "text": text} for one, text in pairs])
    output = job.folder / f"out{ending}"
    summary = job.run(source, output, id_column="id", options={"dtype": dtype})
    assert (summary.rows, summary.counts["empty"], summary.counts["truncated"]) == (50, 2, 1)
    vectors, rows = read(output)
    expected = FakeEncoder().vectors_of(texts)
    if ending != ".jsonl":
        assert vectors.dtype == dtype
    if dtype == "int8":
        scale = read_metadata(output)["scale"]
        assert scale == pytest.approx(np.abs(expected).max() / 127)
        assert np.abs(vectors.astype(float)).max() == 127
        assert (np.abs(vectors * scale - expected) <= scale / 2 * (1 + 1e-9)).all()
    else:
        np.testing.assert_array_equal(np.asarray(vectors, dtype), expected.astype(dtype))
    assert [row["id"] for row in rows] == ids
    assert [row["n_tokens"] for row in rows] == [len(text.split()) for text in texts]
    assert [row["truncated"] for row in rows] == [len(text.split()) > 16 for text in texts]
    assert job.left() == sorted(
        [output.name, *(f"{output.name}.{b}" for b in BESIDE.get(ending, []))]
    )


@ENDINGS
@DTYPES
def test_round_trip_of_images(image_job, ending, dtype):
    job, source = image_job, image_job.make(50)
    output = job.folder / f"out{ending}"
    summary = job.run(source, output, options={"dtype": dtype})
    assert (summary.rows, summary.counts, summary.rejects) == (50, {}, 0)
    vectors, rows = read(output)
    if dtype == "int8":
        scale = read_metadata(output)["scale"]
        vectors = np.asarray(vectors) * scale
        assert (np.abs(vectors - job.vectors(range(50))) <= scale / 2 * (1 + 1e-9)).all()
    else:
        expected = job.vectors(range(50)).astype(dtype)
        np.testing.assert_array_equal(np.asarray(vectors, dtype), expected)
    assert rows == [
        {"id": name, "height": i + 1, "width": i + 1} for i, name in enumerate(job.ids(range(50)))
    ]
    assert job.left() == sorted(
        [output.name, *(f"{output.name}.{b}" for b in BESIDE.get(ending, []))]
    )


def test_sizes_of_images_are_int32(image_job):
    image_job.run(image_job.make(3), "out.parquet")
    schema = pq.read_schema(image_job.folder / "out.parquet")
    assert schema.names == ["id", "vector", "height", "width"]
    assert [str(schema.field(name).type) for name in ("height", "width")] == ["int32", "int32"]
    image_job.run(image_job.folder / "in.photos", "out.npz")
    with np.load(image_job.folder / "out.npz") as arrays:
        assert arrays["height"].dtype == arrays["width"].dtype == np.int32


@ENDINGS
def test_columns_of_every_kind(job, ending):
    columns = {
        "flag": [True, False] * 10,
        "flag_or_null": [True, None] * 10,
        "count": [2**62, -1] * 10,
        "count_or_null": [3, None] * 10,
        "long_or_null": [-(2**62), None] * 10,
        "ratio": [1, 0.5] * 10,
        "ratio_or_null": [None, 0.5] * 10,
        "big_or_ratio": [2**53 + 1, 0.5] * 10,
        "huge": [2**63, 1] * 10,
        "word": ["a\n\N{GRINNING FACE}", ""] * 10,
        "word_or_null": ["a", None] * 10,
        "mixed": ["a", 1, True, 1.5, None, [1], {"b": 2}, "", 0, False] * 2,
        "tree": [{"a": [1, {"b": None}]}, [1]] * 10,
        "nothing": [None] * 20,
        "a/../b": ["slash", "slash"] * 10,
    }
    source = job.lines(20, **columns)
    job.run(source, f"out{ending}", include_columns=tuple(columns))
    rows = read(job.folder / f"out{ending}")[1]
    nan = np.nan if ending == ".npz" else None
    none = "" if ending == ".npz" else None
    mixed = ["a", "1", "true", "1.5", none, "[1]", '{"b":2}', "", "0", "false"]
    expected = {
        **columns,
        "flag_or_null": [1.0 if ending == ".npz" else True, nan] * 10,
        "count_or_null": [3, nan] * 10,
        "long_or_null": [str(-(2**62)), ""] * 10 if none == "" else columns["long_or_null"],
        "ratio_or_null": [nan, 0.5] * 10,
        "big_or_ratio": ["9007199254740993", "0.5"] * 10,
        "huge": ["9223372036854775808", "1"] * 10,
        "word_or_null": ["a", none] * 10,
        "mixed": mixed * 2,
        "tree": ['{"a":[1,{"b":null}]}', "[1]"] * 10,
        "nothing": [none] * 20,
    }
    if ending == ".npz":
        expected["a%2F..%2Fb"] = expected.pop("a/../b")
    for name, values in expected.items():
        np.testing.assert_equal([row[name] for row in rows], values, err_msg=name)


@ENDINGS
def test_metadata_is_complete(job, ending):
    source = job.lines(20)
    job.run(source, f"out{ending}", column="text", options={"dtype": "int8"})
    metadata = read_metadata(job.folder / f"out{ending}")
    wanted = {"model": "fake", "model_sha256": "0" * 64, "pooling": "mean", "normalize": False}
    wanted |= {"dtype": "int8", "column": "text", "dim": 8, "version": "0.1.0", "rejects": 0}
    assert wanted.items() <= metadata.items()
    assert metadata["scale"] > 0
    assert metadata["input"][0]["name"] == "in.jsonl"


@ENDINGS
def test_metadata_of_images_are_complete(image_job, ending):
    source = image_job.make(20)
    image_job.run(source, f"out{ending}", options={"dtype": "int8"})
    metadata = read_metadata(image_job.folder / f"out{ending}")
    scale, listing = metadata.pop("scale"), metadata.pop("input_listing_sha256")
    assert (scale > 0, len(listing)) == (True, 64)
    described = FakeImageEncoder().describe()
    wanted = {**described, "layout": 1, "version": __version__, "dtype": "int8", "rejects": 0}
    assert metadata == wanted | {"input": [{"name": "in.photos"}]}


@ENDINGS
def test_one_row(job, ending):
    source = job.write([{"text": "\N{ZERO WIDTH SPACE}"}])
    job.run(source, f"out{ending}")
    vectors, rows = read(job.folder / f"out{ending}")
    assert np.shape(vectors) == (1, 8)
    assert rows == [{"id": "0", "n_tokens": 1, "truncated": False}]


@ENDINGS
def test_many_parts_and_groups(each_job, ending, monkeypatch):
    monkeypatch.setattr(outputs, "_ROW_GROUP", 40)
    job = each_job
    job.run(job.make(500), f"out{ending}")
    vectors, rows = read(job.folder / f"out{ending}")
    np.testing.assert_array_equal(np.asarray(vectors, np.float32), job.vectors(range(500)))
    assert [row["id"] for row in rows] == job.ids(range(500))


@ENDINGS
def test_an_error_while_encoding_leaves_no_output(each_job, ending):
    job = each_job

    def fail(window):
        if window == 3:
            raise ValueError("broken encoder")

    output = job.folder / f"out{ending}"
    job.run(job.make(20, "in.old.jsonl"), output)
    before = {name: (job.folder / name).read_bytes() for name in job.left()}
    with pytest.raises(ValueError, match="broken encoder"):
        job.run(job.make(), output, encoder=job.encoder(before_window=fail), options=OVERWRITE)
    assert {name: (job.folder / name).read_bytes() for name in before} == before
    assert job.left() == sorted([*before, f"{output.name}.parts"])


OVERWRITE = {"overwrite": True}


@ENDINGS
def test_an_error_while_writing_leaves_the_old_output(each_job, ending, monkeypatch):
    job = each_job
    output = job.folder / f"out{ending}"
    job.run(job.make(20, "in.old.jsonl"), output)
    before = {name: (job.folder / name).read_bytes() for name in job.left()}
    source = job.make()

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("embedsvc.extract.journal.Journal.tables", full)
        with pytest.raises(OutputError, match="disk is full") as caught:
            job.run(source, output, options=OVERWRITE)
    assert "The 100 rows done so far are safe in" in str(caught.value)
    assert {name: (job.folder / name).read_bytes() for name in before} == before
    assert job.left() == sorted([*before, f"{output.name}.parts"])
    encoder = job.encoder()
    summary = job.run(source, output, options=OVERWRITE, encoder=encoder)
    assert (encoder.n_encoded, summary.resumed, summary.rows) == (0, 100, 100)
    assert job.left() == sorted(before)
    assert len(read(output)[1]) == 100


@ENDINGS
def test_finished_means_finished(each_job, ending):
    job = each_job
    output, source = job.folder / f"out{ending}", job.make()
    job.run(source, output)
    before = {name: (job.folder / name).stat().st_mtime_ns for name in job.left()}
    assert job.run(source, output).stood_already
    assert {name: (job.folder / name).stat().st_mtime_ns for name in job.left()} == before
    with pytest.raises(ResumeError, match="--overwrite"):
        job.run(source, output, options={"dtype": "int8"})
    with pytest.raises(ResumeError, match="--overwrite"):
        job.run(source, output, encoder=job.encoder(pooling="max"))
    if job.kind == "texts":
        with pytest.raises(ResumeError, match="--overwrite"):
            job.run(source, output, options={"refuse_long": True})
        with pytest.raises(ResumeError, match="--overwrite"):
            job.run(source, output, id_column="key")
    assert {name: (job.folder / name).stat().st_mtime_ns for name in job.left()} == before


@ENDINGS
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PAR1PAR1", b"something else" * 100])
def test_a_foreign_file_is_refused(job, ending, content):
    output = job.folder / f"out{ending}"
    output.write_bytes(content)
    with pytest.raises(ResumeError, match="Expected .* not to exist"):
        job.run(job.lines(), output)
    assert output.read_bytes() == content
    assert job.left() == [output.name]
    job.run(job.lines(), output, options=OVERWRITE)
    assert len(read(output)[1]) == 100


def test_formats_of_numpy_in_each_others_place_are_refused(job):
    np.save(job.folder / "a.npy", np.zeros(3))
    (job.folder / "a.npy").rename(job.folder / "out.npz")
    with pytest.raises(ResumeError):
        job.run(job.lines(), "out.npz")
    np.savez(job.folder / "list.npz", metadata=np.array("[1]"))
    with pytest.raises(ResumeError):
        job.run(job.lines(), "list.npz")


def test_two_formats_of_one_name_do_not_share_files(job):
    source = job.lines()
    job.run(source, "out.npy")
    job.run(source, "out.jsonl", options={"dtype": "int8"})
    assert job.run(source, "out.npy").stood_already
    assert job.run(source, "out.jsonl", options={"dtype": "int8"}).stood_already


@ENDINGS
def test_float16_never_becomes_infinite(each_job, ending):
    job, source = each_job, each_job.make()
    encoder = job.encoder(scale=1e6)
    with pytest.raises(InputError, match="--dtype float32"):
        job.run(source, f"out{ending}", encoder=encoder, options={"dtype": "float16"})
    assert job.left() == [f"out{ending}.parts"]
    encoder = job.encoder(scale=1e6)
    summary = job.run(source, f"out{ending}", encoder=encoder)
    assert (summary.rows, summary.resumed, encoder.n_encoded) == (100, 100, 0)


@ENDINGS
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_vectors_that_are_not_finite_are_not_written(each_job, ending, bad):
    job = each_job

    class Broken(job.encoder):
        def vectors_of(self, inputs):
            vectors = super().vectors_of(inputs)
            vectors[[one[-3:] in (" 37", b" 37") for one in inputs], 2] = bad
            return vectors

    with pytest.raises(EmbedsvcError, match=f"finite vectors .* {job.where(37)}"):
        job.run(job.make(), f"out{ending}", encoder=Broken())
    assert job.left() == [f"out{ending}.parts"]


@ENDINGS
@DTYPES
@pytest.mark.parametrize("scale", [0.0, 1e-44, 1e-30, 60_000.0])
def test_vectors_of_any_size(job, ending, dtype, scale):
    output = job.folder / f"out{ending}"
    job.run(job.lines(), output, encoder=FakeEncoder(scale=scale), options={"dtype": dtype})
    vectors = np.asarray(read(output)[0], dtype)
    expected = FakeEncoder(scale=scale).vectors_of([f"text number {i}" for i in range(100)])
    if dtype == "int8":
        step = read_metadata(output)["scale"]
        assert (np.abs(vectors * step - expected.astype(float)) <= step / 2 * (1 + 1e-9)).all()
    else:
        np.testing.assert_array_equal(vectors, expected.astype(dtype))
