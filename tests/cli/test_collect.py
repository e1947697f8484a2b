"""embedsvc collect, from files to a growing collection and back, with a fake encoder."""

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedsvc.extract import kinds

CSV = """id,text,stars,zip,country
1,late parcel,1,01234,DE
2,well made and on time,5,99999,FR
3,"broken, sadly",2,00001,
"""


@pytest.fixture(autouse=True)
def _database(monkeypatch, tmp_path):
    monkeypatch.setenv("EMBEDSVC_DATABASE", str(tmp_path / "db"))


@pytest.fixture
def invoke(invoke, monkeypatch):
    """The command with fakes that a collection can name as its own model."""
    registry = sys.modules["embedsvc.encoders.registry"]
    fake_texts = registry.load_encoder

    def load_encoder(model, **settings):
        if model not in ("efficientnet-lite0", "fake-image"):
            return fake_texts(model, **settings)
        encoder = fake_texts(model, resize="stretch")
        described = {**encoder.describe(), "size": [20, 30]}
        monkeypatch.setattr(encoder, "describe", lambda: described)
        return encoder

    monkeypatch.setattr(registry, "load_encoder", load_encoder)
    monkeypatch.setattr(
        "embedsvc.tables.matching.kind_of_model",
        lambda model: kinds.IMAGES if "image" in model else kinds.TEXTS,
    )
    return invoke


@pytest.fixture
def reviews(invoke, tmp_path):
    (tmp_path / "reviews.csv").write_text(CSV)
    invoke("collect", "add", "reviews", "reviews.csv", "--include-columns", "stars,zip,country")
    invoke.loaded.clear()
    return invoke


def rows_of(invoke, *arguments):
    lines = invoke("collect", "search", "reviews", *arguments, "-o", "-").stdout.splitlines()
    return [json.loads(line) for line in lines]


def test_columns_of_a_csv_file_have_types_and_ids_come_from_its_id_column(reviews):
    info = json.loads(reviews("collect", "info", "reviews", "--json").stdout)
    assert info["columns"] == {"stars": "int64", "zip": "string", "country": "string"}
    assert sorted(row["id"] for row in rows_of(reviews, "x")) == ["1", "2", "3"]
    (row,) = rows_of(reviews, "x", "--where", "stars > 2")
    assert (row["id"], row["zip"], row["country"]) == ("2", "99999", "FR")


def test_the_same_command_again_loads_no_model(reviews):
    told = reviews("collect", "add", "reviews", "reviews.csv", "--include-columns", "stars")
    assert "3 there already; 3 rows in all" in told.stderr
    assert reviews.loaded == []


def test_what_changed_is_told(reviews, tmp_path):
    edited = CSV.replace("late parcel", "later").replace("5,99999", "4,99999") + "4,new,3,1,IT\n"
    (tmp_path / "reviews.csv").write_text(edited)
    columns = ("--include-columns", "stars,zip,country")
    told = reviews("collect", "add", "reviews", "reviews.csv", *columns).stderr
    assert "1 new, 1 changed, 1 with other columns, 1 there already; 4 rows in all" in told


def test_standard_input_and_lines_of_text(invoke):
    told = invoke("collect", "add", "lines", "-", stdin="one\ntwo\none\n").stderr
    assert "2 new, 1 repeated" in told
    assert "1 new" in invoke("collect", "add", "lines", "-", stdin="three\n").stderr
    shown = invoke("collect", "search", "lines", "anything").stdout
    assert shown.splitlines()[0] == "anything"
    assert {line.split()[-1] for line in shown.splitlines()[1:]} == {"one", "two", "three"}


def test_standard_input_has_columns_too(invoke):
    arguments = ("collect", "add", "reviews", "-", "--format", "csv", "--id-column", "id")
    invoke(*arguments, "--include-columns", "stars", stdin=CSV)
    assert len(rows_of(invoke, "x", "--where", "stars > 1")) == 2


def test_vectors_are_added_as_they_are(invoke, tmp_path):
    invoke(
        "extract",
        "-",
        "-o",
        "lines.parquet",
        "--include-columns",
        "n",
        "--format",
        "jsonl",
        stdin='{"text": "one", "n": 1}\n{"text": "three", "n": 3}\n',
    )
    invoke.loaded.clear()
    added = ("collect", "add", "reviews", "lines.parquet", "--include-columns", "n")
    assert "2 new" in invoke(*added).stderr
    assert "2 there already" in invoke(*added).stderr
    assert invoke.loaded == []
    # Ids of the file are positions, which another file has as well.
    invoke("extract", "-", "-o", "more.parquet", stdin="four\n")
    assert "1 new; 3 rows" in invoke("collect", "add", "reviews", "more.parquet").stderr
    assert [row["n"] for row in rows_of(invoke, "three!", "--where", "n = 3")] == [3]
    np.save(tmp_path / "others.npy", np.eye(3, 4))
    invoke("collect", "add", "others", "others.npy")
    told = invoke("collect", "search", "others", "a text", exit_code=3).stderr
    assert "Pass --model with the model that made them" in told


def test_ids_of_a_file_of_vectors_are_kept(invoke, tmp_path):
    table = pa.table({"id": ["a", "b"], "vector": np.eye(2, 4).tolist(), "n": [1, 2]})
    pq.write_table(table, tmp_path / "v.parquet")
    invoke("collect", "add", "reviews", "v.parquet", "--include-columns", "n")
    assert [row["id"] for row in rows_of(invoke, "--id", "a")] == ["b"]


def test_folders_of_images(invoke, tmp_path):
    for name, content in (("a.jpg", b"12345"), ("b.jpg", b"123"), ("c.jpg", b"bad")):
        (tmp_path / "photos").mkdir(exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(content)
    told = invoke("collect", "add", "photos", "photos", exit_code=3).stderr
    assert "Expected a JPEG" in told
    told = invoke("collect", "add", "photos", "photos", "--on-error", "skip").stderr
    assert "Rejected c.jpg" in told
    assert "2 new, 1 rejects" in told
    assert (
        "Expected images"
        in invoke("collect", "add", "photos", "-", stdin="x\n", exit_code=3).stderr
    )


def test_searches_by_id_by_file_and_into_files(reviews, tmp_path):
    (tmp_path / "asked.txt").write_text("one question\nanother\n")
    reviews("collect", "search", "reviews", "--queries", "asked.txt", "-k", "2", "-o", "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == "query,rank,id,similarity,text,stars,zip,country"
    assert len(lines) == 5
    assert (
        "not to exist"
        in reviews("collect", "search", "reviews", "x", "-o", "a.csv", exit_code=5).stderr
    )
    found = rows_of(reviews, "late parcel", "--id", "2", "--include-columns", "zip")
    assert [row["query"] for row in found] == ["late parcel"] * 3 + ["2"] * 2
    assert set(found[0]) == {"query", "rank", "id", "similarity", "text", "zip"}


def test_a_bad_filter_is_told_before_the_model_is_loaded(reviews):
    told = reviews("collect", "search", "reviews", "x", "--where", "starz > 1", exit_code=3).stderr
    assert "stars (int64)" in told
    assert "Did you mean 'stars'?" in told
    assert reviews.loaded == []


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("search", "reviws", "x"), 3, "Did you mean 'reviews'?"),
        (("search", "reviews"), 2, "Give a QUERY"),
        (("search", "reviews", "--id", "9"), 3, "got '9', which is none of them"),
        (("search", "reviews", "x", "-o", "x.doc"), 3, "Expected an output that ends in"),
        (("add", "re views", "reviews.csv"), 3, "Expected a name"),
        (("add", "reviews", "nothing.csv"), 3, "does not exist"),
        (("add", "reviews", "reviews.csv", "--include-columns", "rank"), 3, "other names than"),
        (("add", "reviews", "reviews.csv", "--include-columns", "no"), 3, "Expected a column 'no'"),
        (("add", "reviews", "reviews.csv", "--id-column", "no"), 3, "Expected a column 'no'"),
        (("add", "reviews", "reviews.csv", "--model", "efficientnet-lite0"), 3, "model of images"),
        (("add", "reviews", "reviews.csv", "--model", "nothing"), 4, "nothing"),
        (("add", "reviews", "empty.csv"), 3, "got none"),
        (("add", "reviews", "types.csv", "--include-columns", "stars"), 3, "types.csv, line 3"),
        (("add", "reviews", "twice.csv"), 3, "ids that occur once"),
        (("add", "reviews", "reviews.csv", "noid.csv"), 3, "in all inputs or in none"),
        (("add", "reviews", "reviews.csv", "v.npy"), 3, "Expected either vectors or texts"),
        (("add", "reviews", "v.npy", "--model", "minilm"), 3, "Expected no --model"),
        (("add", "reviews", "v.npy"), 4, "dim 4"),
        (("info", "no"), 3, "Expected a collection 'no'"),
        (("remove", "reviews"), 2, "Give either --id, --where or --all"),
        (("remove", "reviews", "--id", "1", "--all"), 2, "Give either"),
        (("remove", "reviews", "--all"), 1, "Aborted"),
        (("list", "--database", "reviews.csv"), 3, "got the file"),
        (("list", "--database", "db://x"), 3, "begins with s3://"),
    ],
)
def test_mistakes(reviews, tmp_path, arguments, exit_code, message):
    (tmp_path / "empty.csv").write_text("text\n")
    (tmp_path / "types.csv").write_text("id,text,stars\n7,x,3\n8,y,many\n")
    (tmp_path / "twice.csv").write_text("id,text\n7,x\n7,y\n")
    (tmp_path / "noid.csv").write_text("text\nx\n")
    np.save(tmp_path / "v.npy", np.eye(3, 7))
    told = reviews("collect", *arguments, exit_code=exit_code)
    assert message in told.output
    if "twice.csv" not in arguments:
        assert len(rows_of(reviews, "x")) == 3


def test_collections_are_listed(reviews):
    shown = reviews("collect", "list").stdout.splitlines()
    assert shown[0].split() == ["NAME", "ROWS", "DIM", "MODEL", "SIZE", "CHANGED"]
    assert shown[1].split()[:4] == ["reviews", "3", "4", "fake"]
    assert json.loads(reviews("collect", "list", "--json").stdout)[0]["rows"] == 3
    told = reviews("collect", "list", "--database", "nowhere")
    assert "No collections in" in told.stderr
    assert json.loads(reviews("collect", "list", "--database", "nowhere", "--json").stdout) == []


def test_info_shows_what_was_checked(reviews):
    shown = reviews("collect", "info", "reviews", "--check").stdout
    assert "stars (int64), zip (string), country (string)" in shown
    assert "none: every search is exact" in shown
    assert "unique ids      100.00%" in shown


def test_rows_and_collections_are_removed(reviews):
    told = reviews("collect", "remove", "reviews", "--id", "1", "--id", "9").stderr
    assert "1 row removed, 2 left" in told
    assert "1 of the ids were not there" in told
    assert (
        "1 row removed, 1 left"
        in reviews("collect", "remove", "reviews", "--where", "stars = 5").stderr
    )
    reviews("collect", "remove", "reviews", "--all", "--yes")
    assert reviews("collect", "list").stdout == ""


def test_rust_logs_do_not_reach_the_terminal(reviews, tmp_path):
    code = "from embedsvc.cli.main import main; main(prog_name='embedsvc')"
    command = [sys.executable, "-c", code, "collect", "search", "reviews", "--id", "1"]
    where = ["--where", "regexp_match(text, 'made')"]  # the engine warns of this function
    done = subprocess.run(
        [*command, *where], cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("\n") == 2
    assert done.stderr == ""


def test_help_does_not_import_lancedb():
    code = (
        "import sys; from embedsvc.cli.main import main\n"
        "try: main(['collect', 'add', '--help'])\n"
        "finally: assert not {'lancedb', 'pyarrow', 'numpy', 'tensorflow'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "the same command continues" in done.stdout


def test_ctrl_c_says_how_to_go_on(reviews, monkeypatch):
    def interrupted(self, rows):
        raise KeyboardInterrupt

    monkeypatch.setattr("embedsvc.collection.store.Store.put", interrupted)
    told = reviews("collect", "add", "reviews", "-", stdin="one\n", exit_code=130).stderr
    assert "Interrupted. 0 rows are in the collection 'reviews'. Run the same command" in told
