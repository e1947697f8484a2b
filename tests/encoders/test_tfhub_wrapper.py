"""An encoder SavedModel behind one frozen Keras layer."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_folders import VOCABULARY
from tiny_savedmodels import HIDDEN, POSITIONS, EncoderKind, write_encoder, write_preprocess

from embedsvc.encoders.savedmodel import load_saved_model
from embedsvc.encoders.tfhub_wrapper import INPUTS, call_encoder, wrap_encoder
from embedsvc.errors import ArtifactError, InputError
from embedsvc.nets.text_encoder import build_text_encoder

SIZE = len(VOCABULARY)


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    return load_saved_model(write_encoder(tmp_path_factory.mktemp("wrapped") / "encoder"))


@pytest.fixture(scope="module")
def network(module) -> keras.Model:
    return wrap_encoder(module, Path("encoder"), max_tokens=8, vocabulary_size=SIZE)


@pytest.fixture(scope="module")
def inputs() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    mask = (np.arange(7) < np.array([[7], [4], [2]])).astype(np.int32)
    return {
        "token_ids": generator.integers(0, SIZE, mask.shape, dtype=np.int32) * mask,
        "segment_ids": generator.integers(0, 2, mask.shape, dtype=np.int32) * mask,
        "attention_mask": mask,
    }


def written(tmp_path: Path, **kind):
    return load_saved_model(write_encoder(tmp_path / "encoder", EncoderKind(**kind)))


def test_the_outputs_are_those_of_the_savedmodel(module, network, inputs):
    theirs = module({name: inputs[ours] for name, ours in INPUTS.items()}, training=False)
    for training in (False, True):
        found = network(inputs, training=training)
        assert found.keys() == {"sequence_output", "pooled_output"}
        for name, value in found.items():
            np.testing.assert_array_equal(value, theirs[name])
            np.testing.assert_array_equal(call_encoder(module, inputs)[name], theirs[name])


def test_it_has_the_form_of_a_bert_and_no_weights(network):
    assert {name: tuple(tensor.shape) for name, tensor in network.output.items()} == {
        "sequence_output": (None, None, HIDDEN),
        "pooled_output": (None, HIDDEN),
    }
    assert network.input.keys() == {"token_ids", "segment_ids", "attention_mask"}
    assert network.weights == []


def test_a_head_on_it_trains_and_it_stays(network, inputs):
    encoder = build_text_encoder(network, pooling="mean")
    logits = keras.layers.Dense(1)(encoder.output["embedding"])
    model = keras.Model(encoder.input, logits)
    before = encoder(inputs)["embedding"].numpy()
    model.compile(keras.optimizers.Adam(0.1), "mse")
    model.fit(inputs, np.ones((3, 1), np.float32), epochs=2, verbose=0)
    assert len(model.trainable_weights) == 2
    np.testing.assert_array_equal(encoder(inputs)["embedding"], before)


def test_it_can_be_exported_with_its_weights(network, inputs, tmp_path: Path):
    class Exported(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        @tf.function(
            input_signature=[{name: tf.TensorSpec([None, None], tf.int32) for name in inputs}]
        )
        def pooled(self, inputs):
            return self.network(inputs, training=False)["pooled_output"]

    tf.saved_model.save(Exported(), str(tmp_path / "exported"))
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    found = exported.pooled(inputs)
    np.testing.assert_allclose(found, network(inputs)["pooled_output"], atol=1e-6)


def test_without_a_pooled_output(tmp_path: Path, inputs):
    module = written(tmp_path, outputs=("sequence_output",))
    network = wrap_encoder(module, Path("encoder"), max_tokens=8, vocabulary_size=SIZE)
    assert network(inputs).keys() == {"sequence_output"}


def test_without_a_sequence_output(tmp_path: Path):
    module = written(tmp_path, outputs=("pooled_output",))
    with pytest.raises(ArtifactError, match="with the output sequence_output, got none"):
        wrap_encoder(module, Path("encoder"), max_tokens=8, vocabulary_size=SIZE)


def test_a_preprocess_model_is_no_encoder(tmp_path: Path):
    module = load_saved_model(write_preprocess(tmp_path / "preprocess"))
    with pytest.raises(ArtifactError, match="check that it is no preprocess model"):
        wrap_encoder(module, Path("encoder"), max_tokens=8, vocabulary_size=SIZE)


def test_more_tokens_than_it_has_positions(module):
    with pytest.raises(InputError, match=f"got {POSITIONS + 1}, with which calling it fails"):
        wrap_encoder(module, Path("encoder"), max_tokens=POSITIONS + 1, vocabulary_size=SIZE)


def test_more_tokens_than_it_has_words(module):
    with pytest.raises(ArtifactError, match=f"an encoder of {SIZE + 1} tokens"):
        wrap_encoder(module, Path("encoder"), max_tokens=8, vocabulary_size=SIZE + 1)
