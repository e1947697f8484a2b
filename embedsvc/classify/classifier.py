"""`TextClassifier`: a BERT classifier whose pooled output, before dropout, is the embedding."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from embedsvc.classify.batches import TrainingTexts
from embedsvc.classify.checks import check_settings, penalties_of
from embedsvc.classify.examples import Examples, check_extra, check_texts, split_examples
from embedsvc.classify.fitting import FitSettings, fit_head, fit_network
from embedsvc.classify.labels import LabelCodec, learn_labels
from embedsvc.classify.learned import Learned, read_head, restore_head
from embedsvc.classify.validation import Validation
from embedsvc.classify.weights import (
    ClassWeight,
    check_sample_weight,
    class_weights,
    example_weights,
)
from embedsvc.encoders.text import EncodedTexts, TextEncoder
from embedsvc.encoders.text_loading import load_text_model
from embedsvc.encoders.text_model import TextModel
from embedsvc.errors import InputError, NotFittedError
from embedsvc.evaluation.label_thresholds import tune_thresholds
from embedsvc.nets.batch_training import BatchLoss
from embedsvc.nets.classifier_head import HeadConfig, build_classifier, build_head
from embedsvc.nets.losses import classification_loss
from embedsvc.nets.penalties import Penalty
from embedsvc.nets.runtime import prepare_extraction, prepare_training
from embedsvc.nets.text_encoder import build_text_encoder, modules_of
from embedsvc.nets.training_loop import Outcome
from embedsvc.nets.training_state import Checkpoints, EpochRecord
from embedsvc.progress import Advance, progress_bar

Self = TypeVar("Self", bound="TextClassifier")
OnEpoch = Callable[[EpochRecord], None]

DATA = "data"

# Test accuracy on Banking77's frozen vectors 0.931 instead of 0.928 without, macro-F1 on
# GoEmotions 0.38 instead of 0.34; with 3 texts a label 0.724 instead of 0.709.
_FROZEN_HIDDEN = 512


@dataclass(frozen=True)
class PredictedTexts(EncodedTexts):
    """A window of texts with what the classifier makes of them.

    Attributes:
        probabilities: float32 array of shape (n_texts, n_labels).
    """

    probabilities: NDArray[np.float32]


class TextClassifier(ClassifierMixin, BaseEstimator):
    """A BERT with a classification head, fine-tuned or on frozen vectors; a scikit-learn estimator.

        encoder -> embedding -> hidden layers -> dropout -> logits

    `embed` gives the embedding, which no dropout touches. The same seed on the same machine gives
    the same classifier.

    Args:
        encoder: the pretrained model, as `TextEncoder` takes it.
        task: "binary" (one sigmoid), "multiclass" (softmax), "multilabel" (a sigmoid a label), or
            "auto", by the labels.
        unfreeze: how much of the encoder is trained: "all", its top N layers, or 0 for none, which
            computes vectors once and trains the head on them.
        pooling: "mean", "cls", "max" or "pooled"; None takes the model's own, and "pooled" where
            it has none and is fine-tuned.
        normalize: whether the embedding has length 1; None takes the model's own.
        max_tokens: tokens a text; None takes the model's own limit. Longer texts are cut, which
            `notes_` tells.
        hidden: widths of dense layers between embedding and logits; None is one of 512 on frozen
            vectors, which can bend to the task no other way, and none where the encoder is trained.
        dropout: rate in the head while training; None is 0.5 with hidden layers, 0.1 without.
        class_weight: None, "balanced", or a dict from label to weight. For "multilabel" the weight
            of a label's positives.
        loss: "cross_entropy" or "focal".
        focal_gamma: of the focal loss.
        extra_losses: further losses by name, each a function of the whole batch and of all outputs
            to a scalar; the batch holds what `fit` gets as `extra`.
        activity_penalties: by the name of a layer, such as "layer_3", "embedding" or
            "layer_0/intermediate": "l1:1e-5", "l2:1e-4", "l1l2:1e-5,1e-4", a Keras regularizer, or
            any function from activations to a scalar; divided by the number of texts in a batch.
        weight_penalty: the same for kernels, not divided by anything.
        weight_decay: of AdamW.
        epochs: the most passes over the texts; None suits their number.
        batch_size: texts a step; None is 32, for a head alone 64.
        learning_rate: the highest one; None suits the model's size.
        warmup: share of the steps in which the learning rate rises; then it falls to zero.
        clip_norm: longest gradient; None clips nothing.
        validation_fraction: share of the texts held out to choose the best epoch; 0 holds out none.
        patience: epochs without a better validation before training stops; None runs all of them.
            The best epoch is kept either way.
        seed: of everything random.

    Attributes:
        classes_: the labels, of shape (n_labels,).
        codec_: their coding.
        thresholds_: probability above which a label applies, of shape (n_labels,); tuned on the
            held-out texts for "multilabel", 0.5 otherwise.
        class_weights_: what classes weighed, of shape (n_labels,).
        history_: an `EpochRecord` an epoch.
        best_epoch_: the epoch whose weights are kept.
        validation_: the held-out texts by weights that never saw them.
        model_: the encoder as training left it.
        head_config_: the head's size.
        notes_: what the user should know.

    Example:
        >>> classifier = TextClassifier("minilm", unfreeze=0).fit(texts, labels)
        >>> classifier.predict(["Where is my parcel?"])
        array(['delivery'], dtype='<U8')
        >>> classifier.embed(["Where is my parcel?"]).shape
        (1, 384)
    """

    def __init__(
        self,
        encoder: str | Path = "minilm",
        *,
        task: str = "auto",
        unfreeze: str | int = "all",
        pooling: str | None = None,
        normalize: bool | None = None,
        max_tokens: int | None = None,
        hidden: Sequence[int] | None = None,
        dropout: float | None = None,
        class_weight: ClassWeight = None,
        loss: str = "cross_entropy",
        focal_gamma: float = 2.0,
        extra_losses: Mapping[str, BatchLoss] | None = None,
        activity_penalties: Mapping[str, str | Penalty] | None = None,
        weight_penalty: str | Penalty | None = None,
        weight_decay: float = 0.01,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        warmup: float = 0.1,
        clip_norm: float | None = 1.0,
        validation_fraction: float = 0.1,
        patience: int | None = None,
        seed: int = 0,
    ) -> None:
        self.encoder = encoder
        self.task = task
        self.unfreeze = unfreeze
        self.pooling = pooling
        self.normalize = normalize
        self.max_tokens = max_tokens
        self.hidden = hidden
        self.dropout = dropout
        self.class_weight = class_weight
        self.loss = loss
        self.focal_gamma = focal_gamma
        self.extra_losses = extra_losses
        self.activity_penalties = activity_penalties
        self.weight_penalty = weight_penalty
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.warmup = warmup
        self.clip_norm = clip_norm
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.seed = seed

    # Learning

    def fit(
        self: Self,
        texts: Sequence[str],
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        extra: Mapping[str, ArrayLike] | None = None,
        validation: tuple[Sequence[str], Any] | None = None,
        checkpoints: Checkpoints | None = None,
        on_epoch: OnEpoch = lambda record: None,
        show_progress: bool = False,
    ) -> Self:
        """Train on labelled texts.

        Args:
            texts: the texts.
            y: a label a text; or labels a text, as lists or as a 0/1 array of shape
                (n_texts, n_labels), for "multilabel".
            sample_weight: how much each text counts, of shape (n_texts,).
            extra: arrays for `extra_losses`, each with a row a text; they stand in the batch by
                these names.
            validation: texts and labels to hold out, instead of some of those given.
            checkpoints: where the state after each epoch of fine-tuning is kept, and found again.
            on_epoch: called after each epoch.
            show_progress: whether progress bars are drawn on stderr.

        Returns:
            The classifier.

        Raises:
            InputError: unusable settings, texts, labels or weights.
            ArtifactError or WeightsError: the encoder cannot be loaded.
            EmbedsvcError: the loss was not finite in the first epoch.
        """
        start = time.perf_counter()
        check_settings(self.get_params(deep=False))
        texts = check_texts(texts, "texts")
        codec, chosen = learn_labels(y, task=self.task)
        examples, weights = self._examples(texts, y, codec, sample_weight, extra, validation)
        # Before the model is in memory: TensorFlow takes no setting once it runs.
        if self.unfreeze == 0:
            prepare_extraction()
        else:
            prepare_training()
        model = self._load_model()
        encoder = build_text_encoder(model.network, pooling=model.pooling, modules=model.modules)
        dim = int(encoder.output["embedding"].shape[-1])
        hidden = self._hidden()
        config = HeadConfig(
            task=codec.task,
            n_labels=len(codec.labels),
            hidden=hidden,
            dropout=(0.5 if hidden else 0.1) if self.dropout is None else self.dropout,
            scale=dim**0.5 if model.normalize else 1.0,
        )
        head = build_head(config, dim, seed=self.seed)
        fit = _Fit(self, model, encoder, head, examples, codec, weights, on_epoch, show_progress)
        outcome, probabilities = fit.frozen() if self.unfreeze == 0 else fit.unfrozen(checkpoints)
        targets = examples.held_targets()
        tuned = codec.task == "multilabel" and len(targets) > 0
        trained = model if self.unfreeze == 0 else _trained(model, encoder)
        facts = {
            "base_model": model.name,
            "base_model_sha256": model.sha256,
            "n_texts": len(examples.training) + len(examples.held),
            "n_validation": len(examples.held),
            "best_epoch": outcome.best_epoch,
            "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "fit_seconds": round(fit.seconds_before + time.perf_counter() - start, 3),
        }
        self.history_ = outcome.history
        self.validation_ = Validation(examples.held_positions(), targets, probabilities)
        self.notes_ = tuple(note for note in (chosen, *fit.notes(outcome)) if note)
        return self._learn(
            Learned(
                model=trained,
                codec=codec,
                head_config=config,
                head=read_head(head),
                thresholds=tune_thresholds(targets, probabilities)
                if tuned
                else np.full(len(codec.labels), 0.5),
                class_weights=weights,
                facts=facts,
            ),
            head,
        )

    def restore(self: Self, learned: Learned) -> Self:
        """Take over what another classifier has learned."""
        nothing = np.empty((0, len(learned.codec.labels)), np.float32)
        self.history_, self.notes_ = (), ()
        self.validation_ = Validation(np.empty(0, np.int64), nothing, nothing)
        return self._learn(learned, restore_head(learned))

    def learned(self) -> Learned:
        """All that predicting needs.

        Raises:
            NotFittedError: nothing was learned.
        """
        if not hasattr(self, "_learned"):
            raise NotFittedError(
                "Expected a classifier that is fitted, got one that is not. Call fit first, or "
                "load one with embedsvc.load_classifier."
            )
        learned: Learned = self._learned
        return learned

    # Using what was learned

    def predict(self, texts: Sequence[str]) -> NDArray[Any]:
        """The label of each text; for "multilabel" a 0/1 array of shape (n_texts, n_labels)."""
        learned = self.learned()
        return learned.codec.decode(self.predict_proba(texts), learned.thresholds)

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities, float32 of shape (n_texts, n_labels), in the order of `classes_`."""
        found = [part.probabilities for part in self._windows(texts)]
        n_labels = len(self.learned().codec.labels)
        return np.concatenate([np.empty((0, n_labels), np.float32), *found])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The pooled output before dropout, float32 of shape (n_texts, dim)."""
        self.learned()
        vectors: NDArray[np.float32] = self.encoder_.encode(texts)
        return vectors

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the head makes of vectors of `embed`; float32 of shape (n_texts, n_labels)."""
        self.learned()
        outputs = self.head_({"embedding": tf.constant(vectors)}, training=False)
        probabilities: NDArray[np.float32] = outputs["probabilities"].numpy()
        return probabilities

    def predict_windows(
        self, windows: Iterable[list[str]], *, advance: Advance = lambda count: None
    ) -> Iterator[PredictedTexts]:
        """Predict windows of texts as they come, with bounded memory.

        Args:
            windows: lists of texts.
            advance: called with the number of texts just done.

        Yields:
            Vectors, lengths and probabilities of each window, in order.
        """
        self.learned()
        for encoded in self.encoder_.encode_windows(windows, advance=advance):
            yield self._predicted(encoded)

    def score(self, texts: Sequence[str], y: Any, sample_weight: ArrayLike | None = None) -> float:
        """The share of texts whose label, or all of whose labels, are predicted right."""
        if self.learned().codec.task == "multilabel":
            y = self.learned().codec.encode(y).astype(np.int64)
        return float(super().score(texts, y, sample_weight))

    @property
    def network_(self) -> keras.Model:
        """From token ids to `embedding`, `logits` and `probabilities`, as one Keras model."""
        model = self.learned().model
        encoder = build_text_encoder(model.network, pooling=model.pooling, modules=model.modules)
        return build_classifier(encoder, self.head_)

    # Inside

    def _learn(self: Self, learned: Learned, head: keras.Model) -> Self:
        self._learned = learned
        self.codec_ = learned.codec
        self.classes_ = np.array(learned.codec.labels)
        self.thresholds_ = learned.thresholds
        self.class_weights_ = learned.class_weights
        self.model_ = learned.model
        self.head_config_ = learned.head_config
        self.head_ = head
        self.best_epoch_ = learned.facts.get("best_epoch")
        self.encoder_ = TextEncoder.from_model(learned.model)
        return self

    def _hidden(self) -> tuple[int, ...]:
        """Widths of the head's hidden layers."""
        if self.hidden is not None:
            return tuple(self.hidden)
        return (_FROZEN_HIDDEN,) if self.unfreeze == 0 else ()

    def _load_model(self) -> TextModel:
        model = load_text_model(
            self.encoder,
            pooling=self.pooling,
            normalize=self.normalize,
            max_tokens=self.max_tokens,
            unsaid_pooling="mean" if self.unfreeze == 0 else "pooled",
        )
        if model.config is None and self.unfreeze != 0:
            raise InputError(
                f"Expected unfreeze=0 for {model.name!r}, whose network is of another family than "
                f"BERT and stays as it is; got {self.unfreeze!r}. Train the head alone "
                "(--freeze encoder)."
            )
        return model

    def _examples(
        self,
        texts: list[str],
        y: Any,
        codec: LabelCodec,
        sample_weight: ArrayLike | None,
        extra: Mapping[str, ArrayLike] | None,
        validation: tuple[Sequence[str], Any] | None,
    ) -> tuple[Examples, NDArray[np.float64]]:
        targets = codec.encode(y)
        if len(targets) != len(texts):
            raise InputError(
                f"Expected a label for each of {len(texts)} texts, got {len(targets)} labels."
            )
        weights = class_weights(targets, len(codec.labels), self.class_weight, codec=codec)
        samples = None if sample_weight is None else check_sample_weight(sample_weight, len(texts))
        arrays: dict[str, NDArray[Any]] = {
            "targets": targets,
            "weights": example_weights(targets, weights, samples),
            **check_extra(extra, len(texts)),
        }
        if validation is None:
            training, held = split_examples(
                texts, arrays, fraction=self.validation_fraction, seed=self.seed
            )
            return Examples(texts, arrays, training, held, len(texts)), weights
        more = check_texts(validation[0], "validation texts")
        found = codec.encode(validation[1])
        if len(found) != len(more):
            raise InputError(
                f"Expected a label for each of {len(more)} validation texts, got {len(found)}."
            )
        n_texts, n_all = len(texts), len(texts) + len(more)
        # Held-out texts are never learned from, so that only their targets matter.
        padded = {
            name: np.concatenate([values, np.zeros((len(more), *values.shape[1:]), values.dtype)])
            for name, values in arrays.items()
        }
        padded["targets"] = np.concatenate([targets, found])
        rows = np.arange(n_all)
        return Examples([*texts, *more], padded, rows[:n_texts], rows[n_texts:], n_texts), weights

    def _windows(self, texts: Sequence[str]) -> Iterator[PredictedTexts]:
        self.learned()
        for encoded in self.encoder_.encode_stream(texts):
            yield self._predicted(encoded)

    def _predicted(self, encoded: EncodedTexts) -> PredictedTexts:
        probabilities = self.probabilities(encoded.vectors)
        return PredictedTexts(encoded.n_tokens, encoded.truncated, encoded.vectors, probabilities)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_learned")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        tags.input_tags.one_d_array = True
        tags.classifier_tags.multi_label = True
        return tags


class _Fit:
    """One call of `fit`: what its stages share.

    Attributes:
        seconds_before: what the epochs of an interrupted run took, which this one goes on from.
    """

    def __init__(
        self,
        classifier: TextClassifier,
        model: TextModel,
        encoder: keras.Model,
        head: keras.Model,
        examples: Examples,
        codec: LabelCodec,
        weights: NDArray[np.float64],
        on_epoch: OnEpoch,
        show_progress: bool,  # noqa: FBT001
    ) -> None:
        self._classifier, self._model = classifier, model
        self._encoder, self._head = encoder, head
        self._examples, self._task = examples, codec.task
        self._on_epoch, self._show = on_epoch, show_progress
        self._n_cut = 0
        self.seconds_before = 0.0
        data_loss = classification_loss(
            codec.task,
            kind=classifier.loss,
            gamma=classifier.focal_gamma,
            positive_weights=weights.tolist() if codec.task == "multilabel" else None,
        )
        activity, on_weights = penalties_of(classifier.get_params(deep=False))
        self._settings = FitSettings(
            losses={DATA: data_loss, **(classifier.extra_losses or {})},
            activity_penalties=activity,
            weight_penalty=on_weights,
            epochs=classifier.epochs,
            batch_size=classifier.batch_size,
            learning_rate=classifier.learning_rate,
            weight_decay=classifier.weight_decay,
            warmup=classifier.warmup,
            clip_norm=classifier.clip_norm,
            patience=classifier.patience,
            seed=classifier.seed,
        )

    def frozen(self) -> tuple[Outcome, NDArray[np.float32]]:
        """Compute vectors once and train the head on them."""
        return self._fit_head(self._settings, self._on_epoch)

    def unfrozen(self, checkpoints: Checkpoints | None) -> tuple[Outcome, NDArray[np.float32]]:
        """Train the head on the pretrained vectors, then the encoder with it."""
        network = build_classifier(self._encoder, self._head)
        self._thaw()
        state = None if checkpoints is None else checkpoints.load()
        if state is not None:
            self.seconds_before = sum(one["seconds"] for one in state.facts["history"])
        else:
            # A starting point: the losses and penalties asked for come with fine-tuning.
            warm = replace(
                self._settings,
                losses={DATA: self._settings.losses[DATA]},
                activity_penalties={},
                weight_penalty=None,
                epochs=None,
                batch_size=None,
                learning_rate=None,
                patience=None,
            )
            # Held-out texts are yet to choose the best epoch.
            self._fit_head(warm, lambda record: None, take_all=False)
        texts = self._model.tokenize(self._examples.texts)
        self._count_cut([text.n_tokens for text in texts])
        data = TrainingTexts([text.chunks[0] for text in texts], self._examples.arrays)
        n_rows = len(self._examples.training)
        loop = self._settings.full_loop(n_rows)
        with self._bar("Fine-tuning", loop.epochs * n_rows) as advance:
            return fit_network(
                network,
                data,
                self._examples,
                self._settings,
                task=self._task,
                hidden_size=self._hidden_size(),
                state=state,
                save=None if checkpoints is None else checkpoints.save,
                on_epoch=self._on_epoch,
                advance=advance,
            )

    def notes(self, outcome: Outcome) -> Iterator[str]:
        """What the user should know."""
        if self._n_cut:
            yield (
                f"{self._n_cut:,} of {len(self._examples.texts):,} texts have more than "
                f"{self._model.max_tokens} tokens; the rest of them was cut off. Raise max_tokens "
                "where the model allows it."
            )
        if outcome.diverged:
            yield (
                f"The loss was not finite in epoch {len(outcome.history)}; training stopped, and "
                f"epoch {outcome.best_epoch} is kept. Lower the learning rate."
            )
        if outcome.best_epoch == 0:
            yield (
                "No epoch of fine-tuning was better on the held-out texts than the head on "
                "pretrained vectors, which is kept."
            )
        if not len(self._examples.held):
            yield "No texts were held out: the last epoch is kept, and nothing was measured."

    def _fit_head(
        self, settings: FitSettings, on_epoch: OnEpoch, *, take_all: bool = True
    ) -> tuple[Outcome, NDArray[np.float32]]:
        texts = self._examples.texts
        encoder = TextEncoder.from_model(self._model)
        vectors, info = encoder.encode(texts, show_progress=self._show, return_info=True)
        self._count_cut(info.n_tokens.tolist())
        n_rows = len(self._examples.training)
        loop = settings.head_loop(n_rows)
        with self._bar("Training the head", loop.epochs * n_rows) as advance:
            return fit_head(
                self._head,
                vectors,
                self._examples,
                settings,
                task=self._task,
                take_all=take_all,
                on_epoch=on_epoch,
                advance=advance,
            )

    def _bar(self, label: str, total: int) -> Any:
        return progress_bar(label, total=total, unit="texts", show=self._show)

    def _count_cut(self, n_tokens: Sequence[int]) -> None:
        self._n_cut = sum(count > self._model.max_tokens for count in n_tokens)

    def _thaw(self) -> None:
        """Leave only the top layers of the encoder to train, where not all are."""
        unfreeze = self._classifier.unfreeze
        if isinstance(unfreeze, str):
            return
        layers = [layer for layer in self._model.network.layers if layer.name.startswith("layer_")]
        if unfreeze > len(layers):
            raise InputError(
                f"Expected unfreeze to be 'all' or at most {len(layers)}, the layers of "
                f"{self._model.name!r}; got {unfreeze}."
            )
        for layer in [self._model.network.get_layer("embeddings"), *layers[:-unfreeze]]:
            layer.trainable = False

    def _hidden_size(self) -> int:
        config = self._model.config
        return config.hidden_size if config is not None else int(self._head.input_shape[-1])


def _trained(model: TextModel, encoder: keras.Model) -> TextModel:
    """The model with the weights it has now, under a sha256 that goes with them."""
    digest = hashlib.sha256()
    for variable in encoder.weights:
        digest.update(variable.numpy().tobytes())
    for layer in model.network.layers:
        layer.trainable = True
    return replace(
        model,
        name=f"{model.name}, fine-tuned",
        sha256=digest.hexdigest(),
        modules=modules_of(encoder, model.modules),
    )
