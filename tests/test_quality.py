"""Quality on real data: does the vector mean what the published model's vector means?"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

import embedsvc

DATA = Path(os.environ.get("EMBEDSVC_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.mark.data
@pytest.mark.golden
def test_sts_benchmark_dev_reaches_the_figure_of_sentence_transformers(
    minilm: embedsvc.TextEncoder,
):
    file = DATA / "stsb" / "sts-dev.csv"
    if not file.is_file():
        pytest.skip(f"no evaluation data: set EMBEDSVC_DATA to a folder with {file.name}")
    rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]
    gold = [float(row[4]) for row in rows]
    first = minilm.encode([row[5] for row in rows])
    second = minilm.encode([row[6] for row in rows])
    # all-MiniLM-L6-v2 by sentence-transformers on the same 1,500 pairs.
    assert spearmanr(np.sum(first * second, axis=1), gold)[0] == pytest.approx(0.8672, abs=5e-5)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(
    "EMBEDSVC_DATA" not in os.environ, reason="takes a minute: set EMBEDSVC_DATA to ask for it"
)
@pytest.mark.usefixtures("minilm_folder")
def test_banking77_with_a_head_on_frozen_vectors(tmp_path: Path):
    """Logistic regression on the same vectors reaches 0.9295."""
    rows = {}
    for name in ("train", "test"):
        file = DATA / "banking77" / f"{name}.csv"
        if not file.is_file():
            pytest.skip(f"no evaluation data: set EMBEDSVC_DATA to a folder with {file.name}")
        with file.open(newline="", encoding="utf-8") as opened:
            rows[name] = [(row["text"], row["category"]) for row in csv.DictReader(opened)]
    texts, labels = zip(*rows["train"], strict=True)
    classifier = embedsvc.TextClassifier(unfreeze=0).fit(texts, labels)
    test, true = zip(*rows["test"], strict=True)
    assert np.mean(classifier.predict(test) == np.array(true)) >= 0.925
    embedsvc.save_classifier(classifier, tmp_path / "saved")
    again = embedsvc.load_classifier(tmp_path / "saved")
    np.testing.assert_allclose(
        again.predict_proba(test[:100]), classifier.predict_proba(test[:100]), atol=1e-6
    )
