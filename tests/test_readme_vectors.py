"""The README's example of what to do with vectors, on a few texts and the real model."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from readme_examples import run

import embedsvc

TEXTS = [
    "My parcel is late.",
    "Where is my card?",
    "I was charged twice.",
    "A fee was charged.",
] * 5


def test_vectors(tmp_path, monkeypatch, minilm):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMBEDSVC_DATABASE", str(tmp_path / "db"))
    vectors = minilm.encode(TEXTS)
    pq.write_table(pa.table({"vector": list(vectors)}), "questions.parquet")
    kinds = ["card_arrival" if "?" in text else "other" for text in TEXTS]
    embedsvc.Collection("questions", encoder=minilm).add(
        ids=[str(at) for at in range(len(TEXTS))], texts=TEXTS, columns={"category": kinds}
    )
    # UMAP compiles for ten seconds and has a test of its own.
    names = run(
        "vectors",
        {"project(table.vectors)": "project(table.vectors, method='pca')"},
        new_vectors=vectors[:3],
    )
    assert names["positions"].shape == (5, 10)
    assert names["xy"].shape == (20, 2)
    assert np.unique(names["clusterer"].labels_).size > 1
    assert (
        names["clusterer"].predict(vectors[:3]).tolist() == names["clusterer"].labels_[:3].tolist()
    )
    found = names["collection"].search("late parcel", k=5, where="category = 'card_arrival'")
    assert set(found.column("text").to_pylist()) == {"Where is my card?"}
