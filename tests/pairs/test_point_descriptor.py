"""The estimator: learning, choosing, describing, and settings that cannot be."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.base import clone
from tiny_pairs import blobs, shifted_pair, small_descriptor, write_pictures

from embedsvc.errors import InputError, NotFittedError
from embedsvc.evaluation.matching import matching_accuracy
from embedsvc.images.decode import decode_image
from embedsvc.pairs.describing import MAX_SIDE
from embedsvc.pairs.fitting import warped_pairs
from embedsvc.pairs.pipeline import SinglePictures
from embedsvc.pairs.point_descriptor import PointDescriptor
from embedsvc.pairs.views import Views

IMAGE = blobs(50)
POINTS = np.random.default_rng(0).uniform(0, 95, (12, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("pictures"), 3)


class Kept:
    """Checkpoints in memory."""

    def __init__(self, state=None):
        self.states = [] if state is None else [state]

    def load(self):
        return self.states[-1] if self.states else None

    def save(self, state):
        self.states.append(state)


VALIDATION = [shifted_pair(60), shifted_pair(61)]


@pytest.fixture(scope="module")
def kept():
    return Kept()


@pytest.fixture(scope="module")
def fitted(source, kept):
    return small_descriptor(epochs=2).fit(source, validation=VALIDATION, checkpoints=kept)


def weights(descriptor):
    return descriptor.network_.describe.get_weights()


def assert_same(one, other):
    for a, b in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_it_learns_finds_places_again(fitted):
    pair = shifted_pair(70)
    first = fitted.describe(decode_image(pair.image_a), pair.points_a)
    second = fitted.describe(decode_image(pair.image_b), pair.points_b)
    assert matching_accuracy(first, second, pair.points_b)[5] > 0.8


def test_the_same_seed_gives_the_same_weights(source, fitted):
    assert_same(fitted, small_descriptor(epochs=2).fit(source, validation=VALIDATION))


def test_an_interrupted_training_goes_on(source, fitted, kept):
    assert len(kept.states) == 2
    again = small_descriptor(epochs=2)
    again.fit(source, validation=VALIDATION, checkpoints=Kept(kept.states[0]))
    assert_same(fitted, again)
    assert [one.epoch for one in again.history_] == [1, 2]


def test_history_and_choice(fitted, source):
    assert [one.epoch for one in fitted.history_] == [1, 2]
    assert set(fitted.history_[0].terms) == {"infonce", "total"}
    accuracies = [one.validation["accuracy_5px"] for one in fitted.history_]
    assert fitted.best_epoch_ == 0 or accuracies[fitted.best_epoch_ - 1] == max(accuracies)


def test_without_validation_the_last_epoch_is_kept(source):
    found = small_descriptor(loss="triplet").fit(source)
    assert (found.best_epoch_, set(found.history_[0].terms)) == (1, {"triplet", "total"})
    assert "No pairs were held out" in found.notes_[0]


def test_descriptors(fitted):
    vectors = fitted.describe(IMAGE, POINTS)
    assert (vectors.shape, vectors.dtype) == ((12, 16), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(fitted.describe(IMAGE, POINTS[3:5]), vectors[3:5], atol=1e-5)
    assert fitted.describe(IMAGE, POINTS[:0]).shape == (0, 16)
    assert fitted.describe(IMAGE, POINTS.tolist()).shape == (12, 16)


def test_a_dense_map_holds_what_points_have(fitted):
    dense = fitted.dense(IMAGE)
    assert dense.shape == (12, 15, 16)
    one = fitted.describe(IMAGE, [[8 * 4 + 3.5, 8 * 2 + 3.5]])
    np.testing.assert_allclose(dense[2, 4], one[0], atol=1e-5)
    with pytest.raises(InputError, match="stride of at least 1"):
        fitted.dense(IMAGE, stride=0)


def test_more_views_are_their_mean(fitted):
    turned = small_descriptor(views=Views((0.0, 90.0), (1.0,)))
    turned.set_network(fitted.network_)
    straight = fitted.describe(IMAGE, POINTS)
    x, y = POINTS.T
    # Turned by 90 degrees: what was at (x, y) is at (height - 1 - y, x).
    right = fitted.describe(np.rot90(IMAGE, -1).copy(), np.stack([95 - y, x], axis=1))
    mean = straight + right
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(turned.describe(IMAGE, POINTS), mean, atol=1e-3)


def test_large_pictures_are_made_smaller(fitted):
    large = np.repeat(np.repeat(IMAGE, 16, axis=0), 16, axis=1)
    assert max(large.shape) > MAX_SIDE
    vectors = fitted.describe(large, POINTS * 16 + 7.5)
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize(
    ("image", "points", "message"),
    [
        (IMAGE[..., 0], POINTS, "uint8 of shape"),
        (IMAGE, [[200, 5]], "inside the image of 120 x 96"),
        (IMAGE, [[np.nan, 5]], "inside the image"),
        (IMAGE, [1, 2], "shape \\(n_points, 2\\)"),
    ],
)
def test_pictures_and_points_that_cannot_be(fitted, image, points, message):
    with pytest.raises(InputError, match=message):
        fitted.describe(image, points)


def test_a_loss_of_ones_own_and_a_penalty_on_a_layer_inside(source):
    def spread(batch, outputs):
        return tf.reduce_mean(tf.square(outputs["descriptors_a"] - outputs["descriptors_b"]))

    found = small_descriptor(loss=spread, activity_penalties={"stride4": "l2:1e-6"}).fit(source)
    assert set(found.history_[0].terms) == {"loss", "activity penalty: stride4", "total"}
    assert found.history_[0].terms["activity penalty: stride4"] > 0


def test_a_backbone_left_as_it_is(source):
    found = small_descriptor(loss="contrastive", backbone_rate=0.0).fit(source)
    fresh = small_descriptor()._pretrained()
    for a, b in zip(found.network_.tower.get_weights(), fresh.tower.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert set(found.history_[0].terms) == {"contrastive", "total"}


def test_no_epochs_leave_the_projection_in_closed_form(source):
    found = small_descriptor(epochs=0).fit(source, validation=[shifted_pair(60)])
    assert (found.history_, found.best_epoch_) == ((), 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "hinge"}, "loss to be one of infonce, triplet, contrastive"),
        ({"temperature": 0.0}, "temperature"),
        ({"margin": -1.0, "loss": "triplet"}, "margin"),
        ({"dim": 1}, "dim to be at least 2"),
        ({"epochs": 1.5}, "epochs to be a whole number"),
        ({"learning_rate": 0.0}, "learning_rate above 0"),
        ({"taps": ["stride3"]}, "taps out of stride2"),
        ({"taps": []}, "different taps"),
        ({"crop": 64}, "crop to be None or CropOptions"),
        ({"activity_penalties": {"stride3": "l2:1e-6"}}, "Expected a penalty on a layer"),
        ({"activity_penalties": {"stride4": "l3:1"}}, "penalty"),
    ],
)
def test_settings_that_cannot_be(source, settings, message):
    with pytest.raises(InputError, match=message):
        small_descriptor(**settings).fit(source)


def test_an_unknown_backbone_and_nothing_to_learn_from(source):
    with pytest.raises(InputError, match="backbone to be one of efficientnet-lite0, small"):
        PointDescriptor("resnet").fit(source)
    with pytest.raises(InputError, match="Expected pairs or pictures to learn from, got none"):
        small_descriptor().fit(SinglePictures([]))


def test_before_it_has_learned():
    fresh = small_descriptor()
    for call in (lambda: fresh.describe(IMAGE, POINTS), lambda: fresh.dense(IMAGE)):
        with pytest.raises(NotFittedError, match="has learned nothing"):
            call()


def test_it_is_a_scikit_learn_estimator():
    one = small_descriptor(dim=32)
    assert clone(one).get_params() == one.get_params()


def test_pairs_to_measure_with(source):
    pairs = warped_pairs(source.files, 4, size=64, seed=3)
    assert len(pairs) == 4
    for pair in pairs:
        assert decode_image(pair.image_a).shape == decode_image(pair.image_b).shape == (64, 64, 3)
        assert pair.points_a.shape == pair.points_b.shape
        assert pair.sequence in source.sequences
    again = warped_pairs(source.files, 4, size=64, seed=3)
    assert [pair.image_b for pair in again] == [pair.image_b for pair in pairs]
