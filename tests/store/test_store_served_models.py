"""SavedModels from strings: what they compute, in this process and where only TensorFlow is."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tiny_classifiers import LABELS, make_classifier
from tiny_folders import write_tiny_bert
from tiny_savedmodels import EncoderKind, write_pair

from embedsvc.classify.classifier import TextClassifier
from embedsvc.encoders.text import TextEncoder
from embedsvc.encoders.text_loading import load_text_model
from embedsvc.encoders.tfhub import load_tfhub_model
from embedsvc.errors import InputError, OutputError
from embedsvc.nets.served_graph import ServedGraph, ServedLabels
from embedsvc.nets.text_encoder import build_text_encoder
from embedsvc.store.served_models import serve, write_served_model

TEXTS = ["The bad th\u00e9! [MASK] A", "", "\u4e2d\u6587 x [CLS] \x00", "abc " * 30, "wait\u2026"]

# A process without embedsvc, and the two ways that SavedModels are loaded: that of Python, and that
# of servers, by sessions.
ELSEWHERE = """
import json, sys
import numpy as np
import tensorflow as tf
import tensorflow_text
folder, texts = sys.argv[1], json.loads(sys.argv[2])
found = {}
loaded = tf.saved_model.load(folder)
for name, function in loaded.signatures.items():
    for key, value in function(texts=tf.constant(texts)).items():
        found[f"{name}/{key}"] = value.numpy()
with tf.compat.v1.Session(graph=tf.Graph()) as session:
    graph = tf.compat.v1.saved_model.load(session, ["serve"], folder)
    for name in loaded.signatures:
        definition = graph.signature_def[name]
        assert definition.method_name == "tensorflow/serving/predict"
        fed = {definition.inputs["texts"].name: texts}
        for key, output in definition.outputs.items():
            found[f"session/{name}/{key}"] = session.run(output.name, fed)
assert not any(name.split(".")[0] == "embedsvc" for name in sys.modules)
np.savez(sys.argv[3], **{k: v.astype("S") if v.dtype == object else v for k, v in found.items()})
"""


def graph_of(classifier: TextClassifier) -> ServedGraph:
    learned = classifier.learned()
    labels = ServedLabels(learned.codec.task, learned.codec.labels, learned.thresholds)
    return serve(learned.model, classifier.network_, labels)


def check(found: dict[str, np.ndarray], classifier: TextClassifier) -> None:
    """Compare what `classify` gives with the live classifier."""
    task = classifier.codec_.task
    expected = classifier.predict_proba(TEXTS)
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
    names = [str(label).encode() for label in LABELS[task]]
    assert found["labels"].tolist() == [names] * len(TEXTS)
    assert found["applies"].dtype == bool
    decided = [
        [label for label, applies in zip(LABELS[task], row, strict=True) if applies]
        for row in found["applies"].tolist()
    ]
    assert decided == classifier.codec_.names(expected, classifier.thresholds_)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> TextClassifier:
    folder = write_tiny_bert(
        tmp_path_factory.mktemp("bert") / "tiny",
        prompts={"prompts": {"q": "the: "}, "default_prompt_name": "q"},
        head=("Dense", "Normalize"),
    )
    return make_classifier(folder, "multiclass", hidden=(6,))


@pytest.fixture(scope="module")
def saved(classifier: TextClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "1"
    names = write_served_model(folder, graph_of(classifier))
    assert names == ("serving_default", "classify", "embed")
    return folder


@pytest.mark.slow
def test_it_computes_the_same_where_only_tensorflow_is(
    classifier: TextClassifier, saved: Path, tmp_path: Path
):
    arguments = [str(saved), json.dumps(TEXTS), str(tmp_path / "found.npz")]
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "found.npz") as file:
        found = dict(file)
    for way in ("", "session/"):
        embedding = found[f"{way}embed/embedding"]
        np.testing.assert_allclose(embedding, classifier.embed(TEXTS), atol=1e-5)
        for name in ("classify", "serving_default"):
            keys = ("probabilities", "labels", "applies")
            check({key: found[f"{way}{name}/{key}"] for key in keys}, classifier)


def test_the_signatures(saved: Path):
    loaded = tf.saved_model.load(str(saved))
    assert set(loaded.signatures) == {"serving_default", "classify", "embed"}
    for function in loaded.signatures.values():
        assert function.structured_input_signature == (
            (),
            {"texts": tf.TensorSpec([None], tf.string, name="texts")},
        )
    outputs = {
        name: {key: (spec.shape.as_list(), spec.dtype) for key, spec in outputs.items()}
        for name, outputs in (
            (name, function.structured_outputs) for name, function in loaded.signatures.items()
        )
    }
    assert outputs["embed"] == {"embedding": ([None, 5], tf.float32)}
    assert outputs["classify"] == outputs["serving_default"]
    assert outputs["classify"] == {
        "probabilities": ([None, 3], tf.float32),
        "labels": ([None, 3], tf.string),
        "applies": ([None, 3], tf.bool),
    }


def test_no_texts(saved: Path):
    loaded = tf.saved_model.load(str(saved))
    none = tf.constant([], tf.string)
    assert loaded.signatures["embed"](none)["embedding"].shape == (0, 5)
    assert loaded.signatures["classify"](none)["labels"].shape == (0, 3)


def test_a_server_needs_no_other_operations(saved: Path):
    """Beside TensorFlow's own, one of TensorFlow Text, which TensorFlow Serving is built with."""
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    model.ParseFromString((saved / "saved_model.pb").read_bytes())
    (graph,) = model.meta_graphs
    nodes = [*graph.graph_def.node]
    for function in graph.graph_def.library.function:
        nodes.extend(function.node_def)
    kernels = {node.op for node in nodes if node.op.startswith(("Wordpiece", "TFText", "Sentence"))}
    assert kernels == {"WordpieceTokenizeWithOffsets"}
    assert not {node.op for node in nodes} & {"PyFunc", "EagerPyFunc", "ReadFile", "WriteFile"}


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_other_tasks(tmp_path: Path, task: str):
    classifier = make_classifier(write_tiny_bert(tmp_path / "tiny"), task)
    found = graph_of(classifier).classify(tf.constant(TEXTS))
    check({key: value.numpy() for key, value in found.items()}, classifier)


def test_an_encoder_alone(tmp_path: Path):
    model = load_text_model(write_tiny_bert(tmp_path / "tiny"), pooling="pooled", max_tokens=7)
    network = build_text_encoder(model.network, pooling="pooled", modules=model.modules)
    graph = serve(model, network)
    assert list(graph.signatures()) == ["serving_default", "embed"]
    expected = TextEncoder.from_model(model).encode(TEXTS)
    np.testing.assert_allclose(graph.embed(tf.constant(TEXTS))["embedding"], expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [EncoderKind(), EncoderKind(activation="relu")],
    ids=["mapped", "as it is"],
)
def test_models_of_tfhub_keep_their_own_tokenizer(tmp_path: Path, kind: EncoderKind):
    model = load_tfhub_model(f"tfhub:{write_pair(tmp_path / 'pair', kind)}")
    assert (model.config is None) is (kind.activation == "relu")
    classifier = make_classifier(model, "multilabel")
    write_served_model(tmp_path / "served", graph_of(classifier))
    loaded = tf.saved_model.load(str(tmp_path / "served"))
    found = loaded.signatures["classify"](tf.constant(TEXTS))
    check({key: value.numpy() for key, value in found.items()}, classifier)


def test_a_tokenizer_that_cannot_be_in_a_graph(classifier: TextClassifier):
    model = replace(classifier.model_, tokenizer=object())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="Expected a tokenizer of Hugging Face or TF Hub.*object"):
        serve(model, classifier.network_)


class Nothing(tf.Module):
    """As little as can be saved."""

    def signatures(self):
        texts = tf.TensorSpec([None], tf.string, name="texts")
        function = tf.function(lambda texts: {"same": texts}, input_signature=[texts])
        return {"serving_default": function}


def test_a_place_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Expected to write a SavedModel to .*file.* Cure that"):
        write_served_model(tmp_path / "file" / "1", Nothing())
