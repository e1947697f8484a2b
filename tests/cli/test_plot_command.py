"""`embedsvc plot`: what it draws, says and refuses."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from embedsvc.extract.outputs import METADATA_KEY
from embedsvc.vectors import projection


@pytest.fixture
def vectors(tmp_path):
    """Thirty vectors with texts, topics and stars."""
    rng = np.random.default_rng(0)
    rows = (3 * np.eye(8)[np.arange(30) % 3] + rng.normal(size=(30, 8))).astype(np.float32)
    table = pa.table(
        {
            "id": [f"r{i}" for i in range(30)],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 8),
            "text": [f"text {i}" for i in range(30)],
            "topic": ["abc"[i % 3] for i in range(30)],
            "stars": [i / 4 for i in range(30)],
        }
    )
    metadata = {METADATA_KEY: json.dumps({"model": "fake"})}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "v.parquet")
    return rows


@pytest.fixture
def plot(invoke, vectors):
    def run(*arguments, **options):
        return invoke("plot", *arguments, **options)

    return run


def data_of(path):
    page = path.read_text(encoding="utf-8")
    return json.loads(page.split('id="map-data">')[1].split("</script>")[0])


def test_a_page(plot, tmp_path):
    result = plot(
        "v.parquet", "-o", "map.html", "--color", "topic", "--method", "pca",
        "--include-columns", "stars",
    )  # fmt: skip
    assert result.stdout == ""
    assert result.stderr == "map.html: 30 texts by PCA, coloured by topic (3 groups)\n"
    data = data_of(tmp_path / "map.html")
    assert data["texts"][4] == "text 4"
    assert data["groups"]["names"] == ["a", "b", "c"]
    assert data["columns"][0]["name"] == "stars"


def test_a_picture(plot, tmp_path):
    result = plot("v.parquet", "-o", "map.png", "--color", "stars", "--method", "pca")
    assert "coloured by stars" in result.stderr
    with Image.open(tmp_path / "map.png") as light:
        assert light.size == (1540, 1064)
        assert light.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
    plot("v.parquet", "-o", "map.png", "--theme", "dark", "--method", "pca", "--overwrite")
    with Image.open(tmp_path / "map.png") as dark:
        assert sum(dark.convert("RGB").getpixel((2, 2))) < 150


def test_coordinates(plot, vectors, tmp_path):
    plot("v.parquet", "-o", "map.csv", "--color", "topic", "--method", "pca")
    with (tmp_path / "map.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "x", "y", "topic"]
    places = np.array([[float(row["x"]), float(row["y"])] for row in rows])
    np.testing.assert_allclose(places, projection.project(vectors, method="pca"), atol=1e-6)
    assert [row["topic"] for row in rows][:3] == ["a", "b", "c"]
    assert json.loads((tmp_path / "map.csv.metadata.json").read_text())["method"] == "pca"
    plot("v.parquet", "-o", "map.parquet", "--color", "stars", "--method", "pca")
    table = pq.read_table(tmp_path / "map.parquet")
    assert table.column("stars").to_pylist()[5] == 1.25


def test_coordinates_for_programs(plot, vectors):
    result = plot("v.parquet", "-o", "-", "--color", "topic", "--method", "pca", "--quiet")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rows) == len(vectors)
    assert set(rows[0]) == {"id", "x", "y", "topic"}


def test_clusters_of_a_file(plot, tmp_path):
    names = ["", "refund", "parcel, late", ""]
    lines = ["id,cluster,name"] + [f'r{i},{i % 4 - 1},"{names[i % 4]}"' for i in range(29)]
    (tmp_path / "clusters.csv").write_text("\n".join(lines) + "\n")
    plot("v.parquet", "-o", "map.html", "--clusters", "clusters.csv", "--method", "pca")
    groups = data_of(tmp_path / "map.html")["groups"]
    assert groups["names"] == ["refund", "parcel, late", "cluster 2"]
    assert groups["n_none"] == 9  # noise, and the row that is not in the file
    result = plot(
        "v.parquet", "-o", "m.html", "--clusters", "clusters.csv", "--color", "name",
        "--method", "pca",
    )  # fmt: skip
    assert "coloured by name (2 groups)" in result.stderr


def test_a_part(plot, tmp_path):
    result = plot("v.parquet", "-o", "map.html", "--sample", "10", "--method", "pca")
    assert "10 texts" in result.stderr
    assert data_of(tmp_path / "map.html")["n"] == 10
    assert "Shown are 10 of 30 vectors" in (tmp_path / "map.html").read_text()
    again = data_of(tmp_path / "map.html")
    plot("v.parquet", "-o", "map.html", "--sample", "10", "--method", "pca", "--overwrite")
    assert data_of(tmp_path / "map.html") == again


def test_too_many_for_a_page(plot, monkeypatch, tmp_path):
    monkeypatch.setattr("embedsvc.jobs.plot.MOST_POINTS", 20)
    result = plot("v.parquet", "-o", "map.html", "--method", "pca")
    assert "Drawing 20 of 30 vectors, chosen at random" in result.stderr
    plot("v.parquet", "-o", "all.html", "--method", "pca", "--sample", "30")
    assert data_of(tmp_path / "all.html")["n"] == 30


def test_from_standard_input(plot, tmp_path):
    lines = "".join(json.dumps({"vector": [i, 1, 2 * i]}) + "\n" for i in range(3))
    result = plot("-", "-o", "map.html", "--method", "pca", "--color", "none", stdin=lines)
    assert data_of(tmp_path / "map.html")["ids"] is None
    assert "3 vectors by PCA, all in one colour" in result.stderr


def test_clusters_are_found_and_named_where_there_are_none(plot, tmp_path):
    words = ["parcel", "refund", "password"]
    rows = [
        {"vector": [10 * (k == i % 3) + (i * k) % 4 / 9 for k in range(3)], "text": words[i % 3]}
        for i in range(30)
    ]
    (tmp_path / "v.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = plot("v.jsonl", "-o", "map.html", "--method", "pca")
    assert "coloured by cluster (3 clusters)" in result.stderr
    assert sorted(data_of(tmp_path / "map.html")["groups"]["names"]) == sorted(words)
    plot("v.jsonl", "-o", "map.csv", "--method", "pca", "--color", "cluster")
    with (tmp_path / "map.csv").open() as file:
        named = [row["cluster"] for row in csv.DictReader(file)]
    # A row may be in no cluster, but never in another one.
    assert all(name in ("", words[i % 3]) for i, name in enumerate(named))
    assert sum(map(bool, named)) > 20


def test_images_of_a_folder(plot, tmp_path):
    folder = tmp_path / "photos"
    for name in ("good/a.jpg", "good/b.jpg", "bad/c.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (200, 100), "red").save(folder / name)
    (folder / "bad" / "d.jpg").write_bytes(b"no image")
    names = ["good/a.jpg", "good/b.jpg", "bad/c.jpg", "bad/d.jpg", "bad/e.jpg"]
    lines = [json.dumps({"id": name, "vector": [1, i, i * i]}) for i, name in enumerate(names)]
    (tmp_path / "p.jsonl").write_text("\n".join(lines) + "\n")
    result = plot(
        "p.jsonl", "-o", "map.html", "--texts", "photos", "--color", "folder", "--method", "pca"
    )
    assert "Not found: 1 image. Not readable: 1 image." in result.stderr
    assert "5 images by PCA, coloured by folder (2 groups)" in result.stderr
    data = data_of(tmp_path / "map.html")
    assert [one is not None for one in data["pictures"]] == [True, True, True, False, False]
    assert data["groups"]["names"] == ["bad", "good"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-o", "map.svg"], 3, ".html or .png"),
        (["-o", "v.parquet"], 3, "got v.parquet as both"),
        (["-o", "there.html"], 5, "--overwrite"),
        (["-o", "."], 3, ".html or .png"),
        (["-o", "map.html", "--color", "tpoic"], 3, "topic"),
        (["-o", "map.html", "--color", "text", "--clusters", "none.csv"], 3, "none.csv"),
        (["-o", "map.html", "--clusters", "other.csv"], 3, "none of them"),
        (["-o", "map.html", "--clusters", "other.csv", "--color", "x"], 3, "cluster"),
        (["-o", "map.html", "--clusters", "noid.csv"], 3, "id"),
        (["-o", "map.html", "--clusters", "v.txt"], 3, ".csv, .parquet or .jsonl"),
        (["-o", "map.html", "--include-columns", "nothing"], 3, "--include-columns"),
        (["-o", "map.html", "--method", "magic"], 2, "umap"),
        (["-o", "map.html", "--sample", "0"], 2, "x>=1"),
        (["-o", "map.html", "--seed", "-1"], 2, "--seed"),
        ([], 2, "--output"),
    ],
)
def test_mistakes(plot, tmp_path, arguments, code, said):
    (tmp_path / "there.html").write_text("old")
    (tmp_path / "other.csv").write_text("id,cluster\nx,1\n")
    (tmp_path / "noid.csv").write_text("name,cluster\nx,1\n")
    result = plot("v.parquet", *arguments, exit_code=code)
    assert said in result.stderr
    assert (tmp_path / "there.html").read_text() == "old"
    assert not (tmp_path / "map.html").exists()


def test_without_umap(plot, monkeypatch, tmp_path):
    monkeypatch.setattr(projection, "has_umap", lambda: False)
    monkeypatch.setattr("embedsvc.jobs.plot.has_umap", lambda: False)
    result = plot("v.parquet", "-o", "map.html", "--method", "umap", exit_code=4)
    assert "embedsvc[plot]" in result.stderr
    result = plot("v.parquet", "-o", "map.html", "--color", "topic")
    assert "Laid out by t-SNE, as umap-learn is not installed" in result.stderr
    result = plot("v.parquet", "-o", "two.html", "--color", "topic", "--quiet")
    assert result.stderr == ""


def test_one_vector(plot, tmp_path):
    (tmp_path / "one.jsonl").write_text('{"vector": [1, 2]}\n')
    for name in ("one.html", "one.png", "one.csv"):
        plot("one.jsonl", "-o", name, "--method", "umap")
        assert (tmp_path / name).stat().st_size > 10


def test_as_a_process_of_its_own(start, vectors):
    process = start("plot", "v.parquet", "-o", "map.html", "--method", "pca", "--color", "topic")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert said == "map.html: 30 texts by PCA, coloured by topic (3 groups)\n"
