"""Threads and backend, each in a fresh process where TensorFlow's state matters."""

import os
import subprocess
import sys

import keras
import pytest

from embedsvc.cores import available_cores
from embedsvc.errors import EmbedsvcError
from embedsvc.nets.runtime import prepare_extraction, prepare_images

START = "import logging; logging.basicConfig(level=logging.INFO); "
LOAD = (
    "import tensorflow as tf; from embedsvc.encoders.registry import load_encoder; "
    "e = load_encoder({folder!r}); r = e.network.runtime; v = e.encode(['a b', 'c']); "
    "t = tf.config.threading; "
    "print(v.shape, r.tuned, r.workers, t.get_intra_op_parallelism_threads(), "
    "t.get_inter_op_parallelism_threads())"
)


def run(code, **env):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", START + code],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **env},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("before", "env", "tuned", "intra", "inter", "said"),
    [
        ("", {}, True, 1, None, ""),
        ("import tensorflow as tf; tf.ones(3) + 1; ", {}, False, 0, 0, "was already running"),
        (
            "import tensorflow as tf; tf.config.threading.set_intra_op_parallelism_threads(2); ",
            {},
            False,
            2,
            0,
            "were set to 2 elsewhere; kept",
        ),
        (
            "import tensorflow as tf; tf.config.threading.set_inter_op_parallelism_threads(3); ",
            {},
            True,
            1,
            3,
            "",
        ),
        ("", {"TF_NUM_INTRAOP_THREADS": "2"}, False, 0, 0, "elsewhere; kept"),
    ],
    ids=["fresh", "running", "intra-op set", "inter-op set", "environment"],
)
def test_what_is_set_and_what_is_kept(tiny_bert_folder, before, env, tuned, intra, inter, said):
    done = run(before + LOAD.format(folder=str(tiny_bert_folder())), **env)
    cores = available_cores()
    workers = cores if tuned else cores + 1
    inter = cores if inter is None else inter
    assert done.stdout.strip() == f"(2, 8) {tuned} {workers} {intra} {inter}"
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    for prepare in (prepare_extraction, prepare_images):
        with pytest.raises(EmbedsvcError, match=r"got 'torch'. Set .*KERAS_BACKEND=tensorflow"):
            prepare()


def test_images_leave_the_threads_of_tensorflow_alone():
    code = (
        "import tensorflow as tf; from embedsvc.nets.runtime import prepare_images; "
        "r = prepare_images(); t = tf.config.threading; "
        "print(r.workers, r.executor, t.get_intra_op_parallelism_threads(), "
        "t.get_inter_op_parallelism_threads())"
    )
    assert run(code).stdout.split() == [
        str(available_cores()),
        "SINGLE_THREADED_EXECUTOR",
        "0",
        "0",
    ]


def test_images_a_batch():
    runtime = prepare_images()
    sides = (32, 224, 256, 512, 4096)
    assert [runtime.batch_images(side, side) for side in sides] == [8, 8, 8, 2, 1]


def test_channels_first_is_refused(monkeypatch):
    monkeypatch.setattr(keras.config, "image_data_format", lambda: "channels_first")
    with pytest.raises(EmbedsvcError, match="channels_last', got 'channels_first'. Change it in"):
        prepare_images()


def test_a_gpu_gets_large_batches(monkeypatch):
    from embedsvc.nets import runtime

    monkeypatch.setattr(runtime.tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    found = prepare_extraction()
    assert (found.workers, found.batch_tokens) == (2, 16_384)
    of_images = prepare_images()
    assert (of_images.batch_images(256, 256), of_images.executor) == (32, "")
