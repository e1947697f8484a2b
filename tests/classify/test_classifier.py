"""The estimator on a tiny BERT: what it learns, what its embedding is, and what it refuses."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.base import clone
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from tiny_folders import write_tiny_bert

from embedsvc.classify import fitting
from embedsvc.classify.classifier import TextClassifier
from embedsvc.encoders.registry import load_encoder
from embedsvc.errors import EmbedsvcError, InputError, NotFittedError
from embedsvc.nets.training_state import TrainingState

WORDS = {"animal": "cat dog cow pig hen", "number": "1 2 3 4 5 77", "sign": "! ? + - ; :"}


def make_texts(n, seed=0, labels=tuple(WORDS)):
    rng = np.random.default_rng(seed)
    y = rng.choice(labels, n)
    texts = [" ".join(rng.choice(WORDS[label].split(), rng.integers(1, 6))) for label in y]
    return texts, y.tolist()


def make_multilabel(n, seed=0):
    rng = np.random.default_rng(seed)
    names = sorted(WORDS)
    y = [[name for name in names if rng.random() < 0.4] for _ in range(n)]
    texts = [" ".join([rng.choice(WORDS[name].split()) for name in one] + ["the"]) for one in y]
    return texts, y


@pytest.fixture(scope="module", autouse=True)
def _short_heads():
    """So few texts need no 2,000 steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "_HEAD_STEPS", 400)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("bert") / "tiny")


@pytest.fixture(scope="module")
def fine_tuned(folder):
    texts, y = make_texts(120)
    return TextClassifier(folder, epochs=20, batch_size=16, learning_rate=1e-2).fit(texts, y)


TEXTS, LABELS = make_texts(120)
UNSEEN, TRUE = make_texts(60, seed=1)


def weights_of(classifier):
    return [variable.numpy() for variable in classifier.network_.weights]


# Learning


def test_fine_tuning_learns(fine_tuned):
    assert fine_tuned.score(UNSEEN, TRUE) > 0.9
    assert fine_tuned.classes_.tolist() == sorted(WORDS)
    assert len(fine_tuned.history_) == 20
    assert fine_tuned.model_.pooling == "pooled"


def test_fine_tuning_moves_every_weight(fine_tuned, folder):
    before = load_encoder(folder, pooling="pooled").network.model.network
    after = fine_tuned.model_.network
    for one, two in zip(before.weights, after.weights, strict=True):
        assert one.path == two.path
        assert not np.array_equal(one.numpy(), two.numpy()), one.path


def test_frozen_learns_and_leaves_the_encoder(folder):
    classifier = TextClassifier(folder, unfreeze=0, epochs=60).fit(TEXTS, LABELS)
    assert classifier.head_config_.hidden == (512,)
    assert classifier.score(UNSEEN, TRUE) > 0.6
    np.testing.assert_array_equal(classifier.embed(UNSEEN), load_encoder(folder).encode(UNSEEN))


def test_fine_tuning_starts_from_a_head_that_never_saw_the_held_out_texts(folder):
    """Otherwise no epoch could be better, and what is measured would be learned by heart."""
    settings = {"pooling": "pooled", "hidden": [], "dropout": 0.1}
    frozen = TextClassifier(folder, unfreeze=0, **settings).fit(TEXTS, LABELS)
    still = TextClassifier(folder, learning_rate=1e-12, epochs=1, **settings).fit(TEXTS, LABELS)
    np.testing.assert_allclose(
        still.validation_.probabilities, frozen.validation_.probabilities, atol=1e-4
    )


def test_unfreeze_top_layers(folder):
    # Nothing is held out: the last epoch is kept, better or not.
    settings = {"epochs": 1, "learning_rate": 1e-3, "validation_fraction": 0}
    classifier = TextClassifier(folder, unfreeze=1, **settings).fit(TEXTS, LABELS)
    before = load_encoder(folder, pooling="pooled").network.model.network
    after = classifier.model_.network
    moved = {
        one.path.split("/")[0]
        for one, two in zip(before.weights, after.weights, strict=True)
        if not np.array_equal(one.numpy(), two.numpy())
    }
    assert moved == {"layer_1", "pooler"}


@pytest.mark.parametrize("unfreeze", ["all", 0])
def test_equal_seeds_equal_classifiers(folder, unfreeze):
    def train(seed):
        return TextClassifier(folder, unfreeze=unfreeze, epochs=2, seed=seed).fit(TEXTS, LABELS)

    one, same = train(1), train(1)
    for a, b in zip(weights_of(one), weights_of(same), strict=True):
        np.testing.assert_array_equal(a, b)
    if unfreeze == 0:
        assert not np.array_equal(one.predict_proba(UNSEEN), train(2).predict_proba(UNSEEN))


def test_binary(folder):
    texts, y = make_texts(80, labels=("animal", "number"))
    classifier = TextClassifier(folder, epochs=3, learning_rate=3e-3).fit(texts, y)
    probabilities = classifier.predict_proba(texts)
    assert classifier.codec_.task == "binary"
    assert probabilities.shape == (80, 2)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)
    expected = np.where(probabilities[:, 1] > 0.5, "number", "animal")
    np.testing.assert_array_equal(classifier.predict(texts), expected)


def test_multilabel(folder):
    texts, y = make_multilabel(150)
    settings = {"epochs": 40, "learning_rate": 2e-2, "batch_size": 16}
    classifier = TextClassifier(folder, **settings).fit(texts, y)
    predicted = classifier.predict(texts)
    assert classifier.codec_.task == "multilabel"
    assert predicted.shape == (150, 3)
    assert set(np.unique(predicted)) <= {0, 1}
    assert classifier.score(texts, y) == pytest.approx(
        (predicted == classifier.codec_.encode(y)).all(1).mean()
    )
    truth = classifier.codec_.encode(y)
    assert average_precision_score(truth, classifier.predict_proba(texts)) > 0.8
    assert f1_score(truth, predicted, average="micro") > 0.75
    assert (classifier.thresholds_ != 0.5).any()
    assert "average_precision" in classifier.history_[0].validation


def test_200_labels(folder):
    y = np.zeros((220, 200), np.int64)
    y[np.arange(220), np.arange(220) % 200] = 1
    texts = [f"the {i % 200}" for i in range(220)]
    classifier = TextClassifier(folder, unfreeze=0, epochs=1).fit(texts, y)
    assert classifier.predict_proba(texts[:3]).shape == (3, 200)


def test_class_weights_act_on_the_loss(folder):
    texts, y = TEXTS[:60] + ["cat"] * 60, LABELS[:60] + ["animal"] * 60

    def recall(class_weight):
        found = TextClassifier(
            folder, unfreeze=0, epochs=30, class_weight=class_weight, validation_fraction=0
        ).fit(texts, y)
        rare = [text for text, label in zip(UNSEEN, TRUE, strict=True) if label == "sign"]
        return found.predict_proba(rare)[:, 2].mean(), found.class_weights_

    plain, ones = recall(None)
    weighted, balanced = recall("balanced")
    np.testing.assert_array_equal(ones, 1)
    counts = np.array([y.count(name) for name in sorted(WORDS)])
    np.testing.assert_allclose(balanced, 120 / (3 * counts))
    assert weighted > plain


def test_a_text_of_weight_two_is_a_text_twice(folder):
    settings = {
        "unfreeze": 0,
        "epochs": 1,
        "batch_size": 500,
        "validation_fraction": 0,
        "dropout": 0,
    }
    twice = TextClassifier(folder, **settings).fit(TEXTS + TEXTS[:10], LABELS + LABELS[:10])
    weights = np.ones(120)
    weights[:10] = 2
    once = TextClassifier(folder, **settings).fit(TEXTS, LABELS, weights)
    assert once.history_[0].terms["data"] * 120 == pytest.approx(
        twice.history_[0].terms["data"] * 130, rel=1e-5
    )


def test_terms_are_reported_apart(folder):
    classifier = TextClassifier(
        folder,
        epochs=1,
        activity_penalties={"layer_1": "l2:1e-3", "embedding": tf.reduce_sum},
        weight_penalty="l2:1e-4",
        extra_losses={
            "teacher": lambda b, o: tf.reduce_mean(tf.square(o["embedding"] - b["goal"]))
        },
    ).fit(TEXTS, LABELS, extra={"goal": np.ones((120, 8))})
    terms = classifier.history_[0].terms
    assert set(terms) == {
        "data",
        "teacher",
        "activity penalty: layer_1",
        "activity penalty: embedding",
        "weight penalty",
        "total",
    }
    parts = [value for name, value in terms.items() if name != "total"]
    assert terms["total"] == pytest.approx(sum(parts), rel=1e-5)


def test_a_penalty_shrinks_what_it_is_on(folder):
    def length(penalties):
        classifier = TextClassifier(
            folder, epochs=3, learning_rate=3e-3, activity_penalties=penalties
        ).fit(TEXTS, LABELS)
        return np.square(classifier.embed(UNSEEN)).sum(1).mean()

    assert length({"embedding": "l2:1"}) < 0.7 * length(None)


def test_validation_of_ones_own(folder):
    told = []
    classifier = TextClassifier(folder, unfreeze=0, epochs=3).fit(
        TEXTS, LABELS, validation=(UNSEEN, TRUE), on_epoch=told.append
    )
    assert classifier.validation_.indices.tolist() == list(range(60))
    np.testing.assert_array_equal(classifier.validation_.targets, classifier.codec_.encode(TRUE))
    assert tuple(told) == classifier.history_
    # Nothing of it was learned from, so that the model is the one that was measured.
    at_best = classifier.validation_.probabilities
    np.testing.assert_allclose(classifier.predict_proba(UNSEEN), at_best, atol=1e-5)


def test_held_out_texts_are_stratified(fine_tuned):
    held = fine_tuned.validation_
    assert len(held.indices) == 12
    expected = np.array([LABELS.count(name) for name in sorted(WORDS)]) / 10
    assert np.abs(np.bincount(held.targets, minlength=3) - expected).max() < 1


class Memory:
    """Checkpoints in memory, and a run that is killed after some epochs."""

    def __init__(self, kill_after=None):
        self.state, self.kill_after, self.saved = None, kill_after, 0

    def load(self) -> TrainingState | None:
        return self.state

    def save(self, state):
        self.state = state
        self.saved += 1
        if self.saved == self.kill_after:
            raise KeyboardInterrupt


def test_a_killed_training_goes_on_to_the_same_end(folder, fine_tuned):
    settings = fine_tuned.get_params()
    memory = Memory(kill_after=2)
    with pytest.raises(KeyboardInterrupt):
        TextClassifier(**settings).fit(TEXTS, LABELS, checkpoints=memory)
    resumed = TextClassifier(**settings).fit(TEXTS, LABELS, checkpoints=memory)
    assert [r.epoch for r in resumed.history_] == list(range(1, 21))
    for a, b in zip(weights_of(resumed), weights_of(fine_tuned), strict=True):
        np.testing.assert_array_equal(a, b)
    taken = sum(record.seconds for record in resumed.history_)
    assert resumed.learned().facts["fit_seconds"] > taken


# The embedding


def test_embedding_is_the_networks_own_output_before_dropout(fine_tuned):
    network = fine_tuned.network_
    (text,) = fine_tuned.model_.tokenize(["the cat"])
    ids = np.array([text.chunks[0]], np.int32)
    batch = {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "attention_mask": np.ones_like(ids),
    }
    out = network(batch, training=False)
    np.testing.assert_allclose(out["embedding"], fine_tuned.embed(["the cat"]), atol=1e-6)
    np.testing.assert_allclose(
        out["probabilities"], fine_tuned.predict_proba(["the cat"]), atol=1e-6
    )
    np.testing.assert_array_equal(out["embedding"], network(batch, training=False)["embedding"])
    wild = network(batch, training=True)
    assert not np.array_equal(wild["logits"], out["logits"])


def test_dropout_comes_after_the_embedding(fine_tuned):
    """The same bits on both sides of it at inference, others in training."""
    head = fine_tuned.head_
    around = keras.Model(head.input, [head.input["embedding"], head.get_layer("dropout").output])
    vectors = {"embedding": tf.constant(fine_tuned.embed(UNSEEN))}
    before, after = (output.numpy() for output in around(vectors, training=False))
    np.testing.assert_array_equal(before, after)
    before, after = (output.numpy() for output in around(vectors, training=True))
    np.testing.assert_array_equal(before, vectors["embedding"])
    assert not np.array_equal(before, after)


def test_embedding_does_not_depend_on_neighbours(fine_tuned):
    together = fine_tuned.embed(UNSEEN)
    alone = np.concatenate([fine_tuned.embed([text]) for text in UNSEEN[:5]])
    np.testing.assert_allclose(together[:5], alone, atol=1e-5)
    np.testing.assert_array_equal(together, fine_tuned.embed(UNSEEN))


def test_windows_tell_all(fine_tuned):
    (window,) = fine_tuned.predict_windows([UNSEEN])
    np.testing.assert_array_equal(window.probabilities, fine_tuned.predict_proba(UNSEEN))
    np.testing.assert_array_equal(window.vectors, fine_tuned.embed(UNSEEN))
    assert window.n_tokens.shape == window.truncated.shape == (60,)


def test_no_texts(fine_tuned):
    assert fine_tuned.predict_proba([]).shape == (0, 3)
    assert fine_tuned.predict([]).shape == (0,)
    assert fine_tuned.embed([]).shape == (0, 8)


# As a scikit-learn estimator


def test_cross_validation_and_pipeline(folder):
    classifier = TextClassifier(folder, unfreeze=0, epochs=20)
    assert cross_val_score(classifier, TEXTS, LABELS, cv=2).shape == (2,)
    same = FunctionTransformer(validate=False)
    assert make_pipeline(same, clone(classifier)).fit(TEXTS, LABELS).predict(UNSEEN).shape == (60,)


def test_params_are_as_given(folder):
    penalties = {"layer_0": "l2:1"}
    classifier = TextClassifier(folder, activity_penalties=penalties, hidden=[4])
    assert classifier.get_params()["activity_penalties"] is penalties
    assert clone(classifier).hidden == [4]


def test_not_fitted(folder):
    for use in ("predict", "predict_proba", "embed"):
        with pytest.raises(NotFittedError, match="Call fit first"):
            getattr(TextClassifier(folder), use)(["a"])


def test_fitting_again_forgets(folder):
    classifier = TextClassifier(folder, unfreeze=0, epochs=1).fit(TEXTS, LABELS)
    texts, y = make_texts(40, labels=("animal", "sign"))
    assert classifier.fit(texts, y).classes_.tolist() == ["animal", "sign"]


def test_restored(fine_tuned):
    learned = fine_tuned.learned()
    again = TextClassifier().restore(learned)
    np.testing.assert_array_equal(again.predict_proba(UNSEEN), fine_tuned.predict_proba(UNSEEN))
    assert again.history_ == ()
    assert dataclasses.replace(learned) == learned


# What the user is told


def test_cut_texts_are_told(folder):
    texts = [*TEXTS[:-1], "the " * 50]
    told = TextClassifier(folder, unfreeze=0, epochs=1).fit(texts, LABELS).notes_
    assert any(note.startswith("1 of 120 texts have more than 32 tokens") for note in told)


def test_no_held_out_texts_are_told(folder):
    classifier = TextClassifier(folder, unfreeze=0, epochs=1, validation_fraction=0)
    assert "No texts were held out" in classifier.fit(TEXTS, LABELS).notes_[-1]


def test_weights_that_overflow_without_held_out_texts(folder):
    classifier = TextClassifier(folder, epochs=1, learning_rate=1e38, validation_fraction=0)
    with pytest.raises(EmbedsvcError, match="Lower the learning rate"):
        classifier.fit(TEXTS, LABELS, checkpoints=Memory())


def test_a_huge_learning_rate_is_survived(folder):
    classifier = TextClassifier(
        folder, epochs=3, learning_rate=1e30, clip_norm=None, warmup=0.9, normalize=False
    )
    classifier.fit(TEXTS, LABELS)
    assert any("kept" in note for note in classifier.notes_)
    assert np.isfinite(classifier.predict_proba(UNSEEN)).all()


# Bad input


@pytest.mark.parametrize(
    ("texts", "y", "more", "message"),
    [
        (TEXTS, LABELS[:-1], {}, "a label for each of 120 texts, got 119"),
        (TEXTS, ["a"] * 120, {}, "label"),
        ([*TEXTS[:-1], None], LABELS, {}, "position 119"),
        (TEXTS, LABELS, {"sample_weight": [float("nan")] * 120}, "sample_weight|weight"),
        (TEXTS, LABELS, {"validation": (UNSEEN, ["?"] * 60)}, "[?]"),
        (TEXTS, LABELS, {"validation": (UNSEEN, TRUE[:-1])}, "60 validation texts, got 59"),
        (TEXTS, LABELS, {"extra": {"a": [1]}}, "extra array 'a'"),
    ],
)
def test_bad_input(folder, texts, y, more, message):
    with pytest.raises(InputError, match=message):
        TextClassifier(folder, unfreeze=0).fit(texts, y, **more)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unfreeze": 3}, "at most 2, the layers of 'tiny'"),
        ({"activity_penalties": {"layer_7": "l2:1"}}, "got 'layer_7'"),
        (
            {"unfreeze": 0, "activity_penalties": {"layer_0": "l2:1"}},
            "out of scale, hidden_dropout_0, hidden_0, dropout",
        ),
        ({"max_tokens": 99}, "from 3 to 32"),
    ],
)
def test_bad_settings(folder, settings, message):
    with pytest.raises(InputError, match=message):
        TextClassifier(folder, **settings).fit(TEXTS, LABELS)


def test_a_label_with_one_example(folder):
    classifier = TextClassifier(folder, unfreeze=0, epochs=1)
    classifier.fit([*TEXTS, "odd"], [*LABELS, "odd"])
    assert "odd" in classifier.classes_
    assert 120 not in classifier.validation_.indices
