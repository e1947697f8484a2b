import numpy as np
import pytest
import tensorflow as tf

from embedsvc.nets.bert import BertConfig, build_bert
from embedsvc.nets.packed import can_pack, embed_packed, packing
from embedsvc.nets.text_encoder import DenseModule, build_text_encoder

CONFIG = BertConfig(50, 12, n_layers=2, n_heads=3, intermediate_size=20, max_positions=40)
LENGTHS = np.array([3, 1, 17, 8, 8, 40], np.int32)


def make_encoder(pooling="mean", modules=(), config=CONFIG, **options):
    return build_text_encoder(build_bert(config, **options), pooling=pooling, modules=modules)


def embed_padded(encoder, sequences):
    longest = max(map(len, sequences))
    ids = np.array([one + [0] * (longest - len(one)) for one in sequences], np.int32)
    mask = np.array([[1] * len(one) + [0] * (longest - len(one)) for one in sequences], np.int32)
    inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "attention_mask": mask}
    return encoder(inputs, training=False)["embedding"].numpy()


def embed(encoder, sequences):
    lengths = np.array([len(one) for one in sequences], np.int32)
    places = {name: tf.constant(one) for name, one in packing(lengths).items()}
    flat = tf.constant(np.concatenate(sequences).astype(np.int32))
    return embed_packed(encoder, flat, tf.constant(lengths), places).numpy()


def random_sequences(lengths=LENGTHS, seed=0):
    generator = np.random.default_rng(seed)
    return [generator.integers(0, 50, n).tolist() for n in lengths]


def test_every_token_has_its_place_in_both_forms():
    places = packing(LENGTHS)
    longest = LENGTHS.max()
    token = 0
    for text, length in enumerate(LENGTHS):
        for position in range(length):
            assert places["text_of"][token] == text
            assert places["positions"][token] == position
            assert places["in_padded"][token] == text * longest + position
            assert places["in_packed"][text, position] == token
            token += 1
    assert token == len(places["positions"])
    assert places["in_packed"].shape == (len(LENGTHS), longest)
    assert places["in_packed"].max() < token


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "pooled"])
def test_vectors_are_those_of_the_padded_network(pooling):
    generator = np.random.default_rng(1)
    dense = DenseModule(generator.normal(size=(12, 7)).astype(np.float32), None, "tanh")
    encoder = make_encoder(pooling, modules=(dense, None))
    sequences = random_sequences()
    expected = embed_padded(encoder, sequences)
    assert expected.shape == (6, 7)
    assert np.allclose(embed(encoder, sequences), expected, atol=1e-6)


@pytest.mark.parametrize("lengths", [[1], [40], [5, 5, 5]])
def test_batches_without_padding(lengths):
    encoder = make_encoder()
    sequences = random_sequences(lengths)
    assert np.allclose(embed(encoder, sequences), embed_padded(encoder, sequences), atol=1e-6)


def test_a_text_does_not_see_its_neighbours():
    encoder = make_encoder()
    sequences = random_sequences()
    together = embed(encoder, sequences)
    for sequence, vector in zip(sequences, together, strict=True):
        assert np.allclose(embed(encoder, [sequence])[0], vector, atol=1e-6)


def test_segments_count_as_in_the_padded_network():
    encoder = make_encoder()
    table = encoder.get_layer("embeddings").segment
    table.assign(np.random.default_rng(2).normal(size=table.shape))
    sequences = random_sequences()
    assert np.allclose(embed(encoder, sequences), embed_padded(encoder, sequences), atol=1e-6)


def test_which_encoders_can():
    assert can_pack(make_encoder())
    assert not can_pack(make_encoder(dtype="mixed_bfloat16"))
    assert not can_pack(tf.keras.Sequential([tf.keras.layers.Dense(3)]))
