"""TF Hub's names, and variables that do not fit."""

import numpy as np
import pytest
from tiny_folders import VOCABULARY
from tiny_savedmodels import HEADS, HIDDEN, INNER, LAYERS, POSITIONS, tiny_variables

from embedsvc.errors import ArtifactError
from embedsvc.nets.bert import BertConfig, build_bert
from embedsvc.nets.bert_weights_tfhub import has_tfhub_pooler, load_tfhub_weights, tfhub_config

CONFIG = BertConfig(
    len(VOCABULARY),
    HIDDEN,
    LAYERS,
    HEADS,
    INNER,
    max_positions=POSITIONS,
    activation="gelu_tanh",
)
HEAD = {
    "cls/predictions/transform/dense/kernel": np.zeros((HIDDEN, HIDDEN), np.float32),
    "cls/predictions/output_bias/bias": np.zeros(len(VOCABULARY), np.float32),
}


def without(prefix: str) -> dict[str, np.ndarray]:
    return {k: v for k, v in tiny_variables().items() if not k.startswith(prefix)}


def loaded(variables, *, with_pooler: bool = True, config: BertConfig = CONFIG):
    network = build_bert(config, with_pooler=with_pooler, dtype="float32")
    load_tfhub_weights(network, config, variables)
    return network


def test_the_config_comes_from_the_shapes():
    assert tfhub_config(tiny_variables()) == CONFIG
    assert tfhub_config(tiny_variables(n_layers=3)).n_layers == 3
    assert tfhub_config(tiny_variables(), activation="gelu").activation == "gelu"


def test_every_weight_is_replaced_by_its_own():
    network = loaded(tiny_variables())
    for fresh, filled in zip(build_bert(CONFIG).get_weights(), network.get_weights(), strict=True):
        assert fresh.shape == filled.shape
        assert not np.array_equal(fresh, filled)
    # All numbers of the variables are in the network, once each.
    ours = np.concatenate([array.ravel() for array in network.get_weights()])
    theirs = np.concatenate([array.ravel() for array in tiny_variables().values()])
    np.testing.assert_array_equal(np.sort(ours), np.sort(theirs))


@pytest.mark.parametrize("prefix", ["", "bert_encoder/", "keras/bert/"])
def test_a_prefix_and_a_head_for_pretraining(prefix: str):
    variables = {prefix + name: array for name, array in (tiny_variables() | HEAD).items()}
    assert tfhub_config(variables) == CONFIG
    assert has_tfhub_pooler(variables)
    expected = loaded(tiny_variables()).get_weights()
    for ours, theirs in zip(loaded(variables).get_weights(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_pooler_is_optional():
    variables = without("pooler_transform")
    assert not has_tfhub_pooler(variables)
    assert tfhub_config(variables) == CONFIG
    loaded(variables, with_pooler=False)
    loaded(tiny_variables(), with_pooler=False)


@pytest.mark.parametrize(
    "name", [name for name in tiny_variables() if "layer_1/self_attention/query" not in name]
)
def test_a_missing_variable_is_named(name: str):
    variables = without(name)
    if name == "pooler_transform/kernel":
        with pytest.raises(ArtifactError, match=r"no place in it, such as 'pooler_transform/bias'"):
            tfhub_config(variables)
        return
    with pytest.raises(ArtifactError, match=f"variable '{name}'"):
        tfhub_config(variables)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("word_embeddings/embeddings", (5,), r"to have 2 dimensions, got shape \(5,\)"),
        ("position_embedding/embeddings", (9, 7), r"the shape \(9, 16\) .* got \(9, 7\)"),
        ("transformer/layer_0/self_attention/query/kernel", (16, 16), "to have 3 dimensions"),
        ("transformer/layer_0/self_attention/query/kernel", (16, 3, 5), "a multiple of n_heads"),
        ("transformer/layer_0/self_attention/query/kernel", (16, 4, 8), r"\(16, 4, 4\) in a BERT"),
        ("transformer/layer_1/intermediate/kernel", (16, 99), r"\(16, 24\) in a BERT .*\(16, 99\)"),
        ("pooler_transform/kernel", (16, 8), r"'pooler_transform/kernel' .*got \(16, 8\)"),
    ],
)
def test_a_wrong_shape_is_shown(name: str, shape: tuple[int, ...], message: str):
    with pytest.raises(ArtifactError, match=message):
        tfhub_config(tiny_variables() | {name: np.zeros(shape, np.float32)})


@pytest.mark.parametrize(
    "extra",
    ["embedding_projection/kernel", "transformer/layer_3/output/bias", "other/adapter"],
)
def test_another_family(extra: str):
    with pytest.raises(ArtifactError, match=f"2 layers, got 1 .* such as '{extra}'"):
        tfhub_config(tiny_variables() | {extra: np.zeros(3, np.float32)})


def test_no_word_embeddings_or_two_of_them():
    with pytest.raises(ArtifactError, match="got 0. This is no BERT of TF Hub"):
        tfhub_config({"dense/kernel": np.zeros((2, 2), np.float32)})
    second = {f"mlm/{name}": array for name, array in tiny_variables().items()}
    with pytest.raises(ArtifactError, match="got 2"):
        tfhub_config(tiny_variables() | second)


def test_no_layers():
    with pytest.raises(ArtifactError, match="layer_0/self_attention/query/kernel"):
        tfhub_config(without("transformer"))


def test_weights_of_another_size_are_not_loaded():
    network = build_bert(CONFIG, dtype="float32")
    with pytest.raises(ArtifactError, match="2 layers, got 16 that have no place"):
        load_tfhub_weights(network, CONFIG, tiny_variables(n_layers=3))
