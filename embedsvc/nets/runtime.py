"""How TensorFlow uses this machine: threads, devices, backend.

TensorFlow's thread pools are process-wide and fixed at its first operation. Extraction is fastest
with one batch a core and one thread an operation: nothing waits for the slowest slice of a matrix
product. Training wants the opposite, so nothing is set before vectors are really asked for, what
the user has set is respected, and a TensorFlow that already runs is left as it is.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

import keras
import tensorflow as tf

from embedsvc.cores import available_cores
from embedsvc.errors import EmbedsvcError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Runtime:
    """What extraction may use.

    Attributes:
        workers: how many batches are computed at the same time.
        batch_tokens: padded tokens a batch; small ones stay in a core's cache, large ones fill
            a GPU.
        tuned: whether TensorFlow's thread pools could be set for extraction.
        executor: TensorFlow's executor for a batch, "" for the default one. On a CPU a batch is
            computed in the thread that asks for it: operations that hop between threads leave
            their core's cache behind, which costs 3 to 6 % on two cores.
    """

    workers: int
    batch_tokens: int
    tuned: bool
    executor: str


def prepare_extraction() -> Runtime:
    """Set TensorFlow up for extraction as far as that is still possible.

    Raises:
        EmbedsvcError: Keras runs on another backend than TensorFlow.
    """
    _check_backend()
    cores = available_cores()
    tuned = _set_threads(cores)
    if tf.config.list_physical_devices("GPU"):
        return Runtime(workers=2, batch_tokens=16_384, tuned=tuned, executor="")
    # With several threads an operation, one batch more than cores hides most of the waiting.
    workers = cores if tuned else cores + 1
    return Runtime(workers, batch_tokens=512, tuned=tuned, executor="SINGLE_THREADED_EXECUTOR")


def prepare_training() -> None:
    """Start TensorFlow as it is, so that extraction in this process leaves its threads alone.

    Training wants several threads an operation: a batch cannot wait for another one.

    Raises:
        EmbedsvcError: Keras runs on another backend than TensorFlow.
    """
    _check_backend()
    tf.zeros([])


@dataclass(frozen=True)
class ImageRuntime:
    """What a network of images may use.

    Attributes:
        workers: how many batches are computed at the same time.
        batch_pixels: pixels a batch; small batches stay in a core's cache, large ones fill a GPU.
        executor: as in `Runtime`.
    """

    workers: int
    batch_pixels: int
    executor: str

    def batch_images(self, height: int, width: int) -> int:
        """Images a batch, at least one and at most as many as have 256 x 256 pixels."""
        return max(1, self.batch_pixels // max(height * width, 256 * 256))


def prepare_images() -> ImageRuntime:
    """Find out how to compute with images; TensorFlow's threads stay as they are.

    A batch that is computed in one thread does not care how many TensorFlow has, and training in
    the same process wants them all.

    Raises:
        EmbedsvcError: Keras runs on another backend than TensorFlow, or with channels first.
    """
    _check_backend()
    if keras.config.image_data_format() != "channels_last":
        raise EmbedsvcError(
            f"Expected Keras' image_data_format to be 'channels_last', got "
            f"{keras.config.image_data_format()!r}. Change it in keras.json, or call "
            "keras.config.set_image_data_format."
        )
    if tf.config.list_physical_devices("GPU"):
        return ImageRuntime(workers=2, batch_pixels=32 * 256 * 256, executor="")
    return ImageRuntime(
        workers=available_cores(),
        batch_pixels=8 * 256 * 256,
        executor="SINGLE_THREADED_EXECUTOR",
    )


def _check_backend() -> None:
    if keras.backend.backend() != "tensorflow":
        raise EmbedsvcError(
            f"Expected Keras to run on TensorFlow, got {keras.backend.backend()!r}. Set the "
            "environment variable KERAS_BACKEND=tensorflow before Keras is imported."
        )


def _set_threads(cores: int) -> bool:
    threading = tf.config.threading
    intra_op = threading.get_intra_op_parallelism_threads()
    if intra_op == 1:
        return True
    if intra_op or "TF_NUM_INTRAOP_THREADS" in os.environ:
        logger.info("TensorFlow's intra-op threads were set to %s elsewhere; kept.", intra_op)
        return False
    try:
        threading.set_intra_op_parallelism_threads(1)
        if not (
            threading.get_inter_op_parallelism_threads() or "TF_NUM_INTEROP_THREADS" in os.environ
        ):
            threading.set_inter_op_parallelism_threads(cores)
    except RuntimeError:
        # Part of the setting may be in place on paper; TensorFlow ignores it once it runs.
        logger.info(
            "TensorFlow was already running, so its threads could not be set to one an operation. "
            "For the last few percent of speed, load the encoder before other TensorFlow work."
        )
        return False
    return True
