"""The model that made some vectors, and no other."""

import pytest

from embedsvc.errors import ArtifactError, InputError, WeightsError
from embedsvc.tables.matching import check_same_vectors, load_matching_encoder

MADE = {
    "model": "minilm",
    "model_sha256": "ab",
    "dim": 3,
    "pooling": "mean",
    "normalize": True,
    "max_tokens": 16,
    "prompt": "",
    "on_long": "split",
}


class Encoder:
    def __init__(self, **described):
        self.described = {**MADE, **described}

    def describe(self):
        return self.described


def test_the_model_of_the_metadata_with_its_settings():
    asked = []

    def load(model, **settings):
        asked.append((model, settings))
        return Encoder()

    load_matching_encoder(MADE, "v", load=load)
    assert asked == [("minilm", {"pooling": "mean", "normalize": True, "max_tokens": 16})]
    image = {"model": "efficientnet-lite0", "size": [8, 8], "resize": "fit", "pooling": "max"}
    load_matching_encoder(image, "v", load=lambda *a, **s: asked.append(s) or Encoder(**image))
    assert asked[-1] == {"size": (8, 8), "resize": "fit", "pooling": "max"}


@pytest.mark.parametrize(
    "other", [{"dim": 4}, {"model_sha256": "cd"}, {"pooling": "cls"}, {"prompt": "query: "}]
)
def test_another_model_is_refused(other):
    ((key, value),) = other.items()
    message = rf"that made v.parquet: 'minilm' with {key} .* \(got {value!r}\)"
    with pytest.raises(ArtifactError, match=message):
        load_matching_encoder(MADE, "v.parquet", load=lambda *_, **__: Encoder(**other))


def test_a_renamed_folder_is_the_same_model():
    encoder = Encoder(model="other")
    assert load_matching_encoder(MADE, "v", model="./dir", load=lambda *_, **__: encoder) is encoder


def test_vectors_of_nobody_knows_what():
    with pytest.raises(InputError, match="Pass --model with the model that made them"):
        load_matching_encoder({}, "v", load=lambda *_, **__: Encoder())
    assert load_matching_encoder({}, "v", model="minilm", load=lambda *_, **__: Encoder())


def test_a_model_that_is_not_to_be_had():
    def fail(*_, **__):
        raise InputError("no such model.")

    with pytest.raises(ArtifactError, match="no such model. v was made with the model 'minilm'"):
        load_matching_encoder(MADE, "v", load=fail)
    with pytest.raises(ArtifactError, match=r"no such model\.$"):
        load_matching_encoder(MADE, "v", model="minilm", load=fail)

    def offline(*_, **__):
        raise WeightsError("offline")

    with pytest.raises(WeightsError, match="offline"):
        load_matching_encoder(MADE, "v", load=offline)


def test_texts_and_images_are_not_compared():
    with pytest.raises(ArtifactError, match="'efficientnet-lite0', which is one of images"):
        load_matching_encoder(MADE, "v", model="efficientnet-lite0", load=None)


def test_files_are_compared_as_far_as_they_tell():
    check_same_vectors(MADE, {}, "v")
    check_same_vectors(MADE, {"dim": 3, "stars": 1}, "v")
    with pytest.raises(ArtifactError, match="dim 3"):
        check_same_vectors(MADE, {"dim": 4}, "v")
