"""The head, and what the embedding is."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from embedsvc.errors import InputError
from embedsvc.nets.bert import BertConfig, build_bert
from embedsvc.nets.classifier_head import HeadConfig, build_classifier, build_head
from embedsvc.nets.text_encoder import build_text_encoder

CONFIG = BertConfig(
    vocabulary_size=40, hidden_size=8, n_layers=2, n_heads=2, intermediate_size=12, max_positions=16
)


def inputs():
    ids = np.random.default_rng(0).integers(0, 40, (3, 6)).astype(np.int32)
    mask = np.array([[1] * 6, [1] * 4 + [0] * 2, [1] * 2 + [0] * 4], np.int32)
    return {"token_ids": ids, "segment_ids": np.zeros_like(ids), "attention_mask": mask}


@pytest.fixture(scope="module")
def classifier():
    encoder = build_text_encoder(build_bert(CONFIG, dtype="float32"), pooling="pooled")
    head = build_head(HeadConfig("multiclass", 3, dropout=0.5), 8, seed=0)
    return build_classifier(encoder, head)


@pytest.mark.parametrize(
    ("config", "logits"),
    [
        (HeadConfig("binary", 2), 1),
        (HeadConfig("multiclass", 3), 3),
        (HeadConfig("multilabel", 200, hidden=(16, 4)), 200),
        (HeadConfig("multilabel", 1), 1),
    ],
)
def test_shapes_and_probabilities(config, logits):
    head = build_head(config, 8, seed=0)
    x = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    out = {name: value.numpy() for name, value in head({"embedding": x}).items()}
    assert out["logits"].shape == (5, logits)
    assert out["probabilities"].shape == (5, config.n_labels)
    if config.task == "multilabel":
        np.testing.assert_allclose(
            out["probabilities"], 1 / (1 + np.exp(-out["logits"])), rtol=1e-5
        )
    else:
        np.testing.assert_allclose(out["probabilities"].sum(1), 1, atol=1e-6)
    if config.task == "binary":
        np.testing.assert_allclose(
            out["probabilities"][:, 1], 1 / (1 + np.exp(-out["logits"][:, 0])), rtol=1e-5
        )


def test_equal_seeds_equal_heads():
    config = HeadConfig("multiclass", 3, hidden=(4,))
    one, same, other = (build_head(config, 8, seed=seed).get_weights() for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(one, same, strict=True))
    assert not (one[0] == other[0]).all()


def test_the_embedding_is_the_vector_before_dropout(classifier):
    """At inference the same before and after dropout, bit for bit; in training they differ."""
    dropout = classifier.get_layer("head").get_layer("dropout")
    embedding = classifier.output["embedding"]
    both = keras.Model(classifier.input, {"before": embedding, "after": dropout(embedding)})

    calm = both(inputs(), training=False)
    again = both(inputs(), training=False)
    wild = both(inputs(), training=True)

    np.testing.assert_array_equal(calm["before"], calm["after"])
    np.testing.assert_array_equal(calm["before"], again["before"])
    assert not np.array_equal(wild["before"], wild["after"])
    assert (np.asarray(wild["after"]) == 0).any()


def test_the_embedding_is_the_pooled_output(classifier):
    encoder_output = classifier(inputs(), training=False)["embedding"]
    bert = keras.Model(classifier.input, classifier.get_layer("pooler").output)
    np.testing.assert_array_equal(encoder_output, bert(inputs(), training=False))


def test_the_head_works_on_the_embedding(classifier):
    out = classifier(inputs(), training=False)
    head = classifier.get_layer("head")
    np.testing.assert_array_equal(out["logits"], head({"embedding": out["embedding"]})["logits"])


def test_scale_reaches_the_logits_but_not_the_embedding():
    head = build_head(HeadConfig("multiclass", 3, scale=10.0), 8, seed=0)
    plain = build_head(HeadConfig("multiclass", 3), 8, seed=0)
    x = tf.ones([1, 8])
    np.testing.assert_allclose(
        head({"embedding": x})["logits"], plain({"embedding": 10 * x})["logits"], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("sorting", 3), "task to be one of"),
        (("multiclass", 1), "at least 2 labels"),
        (("binary", 3), "2 labels"),
        (("multilabel", 0), "at least 1 labels"),
        (("binary", 2, (0,)), "at least 1 unit"),
        (("binary", 2, (), 1.0), "dropout"),
        (("binary", 2, (), 0.1, float("nan")), "scale"),
    ],
)
def test_refused(settings, message):
    with pytest.raises(InputError, match=message):
        HeadConfig(*settings)
