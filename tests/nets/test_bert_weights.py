"""Checkpoint names, and weights that do not fit."""

import numpy as np
import pytest
from tiny_folders import HIDDEN, VOCABULARY, tiny_weights

from embedsvc.errors import ArtifactError
from embedsvc.nets.bert import BertConfig, build_bert
from embedsvc.nets.bert_weights import (
    check_size,
    has_pooler,
    huggingface_tensors,
    load_huggingface_weights,
)

CONFIG = BertConfig(len(VOCABULARY), HIDDEN, 2, 2, 12, max_positions=32)


def loaded(weights, *, with_pooler=True, config=CONFIG):
    network = build_bert(config, with_pooler=with_pooler, dtype="float32")
    load_huggingface_weights(network, config, weights)
    return network.get_weights()


@pytest.fixture(scope="module")
def plain():
    return loaded(tiny_weights())


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_weight_is_replaced(plain):
    for fresh, filled in zip(build_bert(CONFIG).get_weights(), plain, strict=True):
        assert fresh.shape == filled.shape
        assert not np.array_equal(fresh, filled)


def test_bert_prefix(plain):
    assert_same(loaded({f"bert.{k}": v for k, v in tiny_weights().items()}), plain)


@pytest.mark.parametrize("with_pooler", [True, False])
def test_there_and_back(with_pooler):
    weights = {k: v for k, v in tiny_weights().items() if with_pooler or "pooler" not in k}
    network = build_bert(CONFIG, with_pooler=with_pooler, dtype="float32")
    load_huggingface_weights(network, CONFIG, weights)
    tensors = huggingface_tensors(network, CONFIG)
    assert tensors.keys() == weights.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, weights[name])
        assert tensor.dtype == np.float32
        assert tensor.flags.c_contiguous


def test_tensors_are_copies():
    network = build_bert(CONFIG, dtype="float32")
    for tensor in huggingface_tensors(network, CONFIG).values():
        tensor += 1.0  # fails where it is a view that cannot be written
    again = huggingface_tensors(network, CONFIG)
    np.testing.assert_array_equal(again["embeddings.LayerNorm.weight"], 1.0)


def test_old_names_of_layer_normalization(plain):
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in tiny_weights().items()
    }
    assert any(name.endswith("gamma") for name in old)
    assert_same(loaded(old), plain)


def test_heads_and_buffers_are_not_needed(plain):
    extra = {
        "cls.predictions.bias": np.zeros(3, np.float32),
        "embeddings.position_ids": np.arange(32)[np.newaxis],
    }
    assert_same(loaded(tiny_weights() | extra), plain)


def test_float16(plain):
    half = {name: tensor.astype(np.float16) for name, tensor in tiny_weights().items()}
    for ours, exact in zip(loaded(half), plain, strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, exact, rtol=1e-3, atol=1e-4)


def test_pooler_is_optional():
    without = {k: v for k, v in tiny_weights().items() if not k.startswith("pooler.")}
    assert has_pooler(tiny_weights())
    assert has_pooler({"bert.pooler.dense.weight": np.zeros(1)})
    assert not has_pooler(without)
    loaded(without, with_pooler=False)
    with pytest.raises(ArtifactError, match=r"Expected the tensor 'pooler.dense.weight'"):
        loaded(without)


@pytest.mark.parametrize("name", [name for name in tiny_weights() if "pooler" not in name])
def test_a_missing_tensor_is_named(name):
    weights = tiny_weights()
    del weights[name]
    with pytest.raises(ArtifactError) as caught:
        loaded(weights, with_pooler=False)
    assert repr(name) in str(caught.value)


def test_a_wrong_shape_is_shown():
    name = "encoder.layer.1.intermediate.dense.weight"
    with pytest.raises(ArtifactError, match=r"shape \(8, 12\), got \(8, 11\)"):
        loaded(tiny_weights() | {name: np.zeros((11, 8), np.float32)})
    with pytest.raises(ArtifactError, match=r"to have 2 dimensions, got shape \(96,\)"):
        loaded(tiny_weights() | {name: np.zeros(96, np.float32)})


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.bool_])
def test_quantized_weights_are_refused(dtype):
    name = "pooler.dense.weight"
    with pytest.raises(ArtifactError, match=f"'pooler.dense.weight' .* got {np.dtype(dtype)}"):
        loaded(tiny_weights() | {name: np.zeros((8, 8), dtype)})


def test_query_key_and_value_must_fit_one_by_one():
    wrong = {
        "encoder.layer.0.attention.self.query.weight": np.zeros((9, 8), np.float32),
        "encoder.layer.0.attention.self.key.weight": np.zeros((7, 8), np.float32),
    }
    with pytest.raises(ArtifactError, match="query"):
        loaded(tiny_weights() | wrong)
    with pytest.raises(ArtifactError, match="key"):
        loaded(
            tiny_weights()
            | {"encoder.layer.0.attention.self.key.weight": np.zeros((8, 9), np.float32)}
        )


def test_more_layers_than_the_config_says():
    with pytest.raises(ArtifactError, match=r"a BERT with 2 layers, got 16 tensors .*layer\.2\."):
        loaded(tiny_weights(n_layers=3))


def test_tensors_of_another_architecture():
    with pytest.raises(ArtifactError, match=r"got 1 tensors .*'lm_head.weight'"):
        loaded(tiny_weights() | {"lm_head.weight": np.zeros(1, np.float32)})


def test_check_size():
    check_size(CONFIG, tiny_weights())
    huge = BertConfig(1 << 22, 1 << 14, 256, 1 << 10, 1 << 16)
    with pytest.raises(ArtifactError, match=r"with 256 layers, hidden_size 16384 and 4194304"):
        check_size(huge, tiny_weights())
