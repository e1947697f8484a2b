"""In order, bounded, and never lost half-way."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embedsvc.errors import InputError
from embedsvc.images import loading
from embedsvc.images.decode import decode_image
from embedsvc.images.loading import Failure, load_all, load_batches, name_of
from embedsvc.images.prepare import Preparation

SMALL = Preparation(8, 8)
BROKEN = b"\x89PNG\r\n\x1a\n and no more"


def numbered(n: int) -> list[np.ndarray]:
    """Constant images whose level is their number."""
    return [np.full((5 + i % 3, 6, 3), i, np.uint8) for i in range(n)]


def levels(batches) -> list[list[int]]:
    return [batch.pixels[:, 0, 0, 0].tolist() for batch in batches]


@pytest.fixture
def files(tmp_path) -> list[Path]:
    paths = [tmp_path / f"{i}.png" for i in range(7)]
    for i, path in enumerate(paths):
        Image.new("RGB", (20 + i, 10), (i, i, i)).save(path)
    return paths


def no_threads_left() -> bool:
    return not any(t.name.startswith("embedsvc-images") for t in threading.enumerate())


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 41])
def test_batches_in_order(workers, n):
    batches = list(load_batches(numbered(n), SMALL, batch_size=4, workers=workers))
    assert [i for batch in levels(batches) for i in batch] == list(range(n))
    assert all(len(batch.pixels) == 4 for batch in batches[:-1])
    for batch in batches:
        assert batch.indices.tolist() == batch.pixels[:, 0, 0, 0].tolist()
        assert (batch.indices.dtype, batch.pixels.dtype) == (np.int64, np.uint8)
        assert batch.sizes.dtype == np.int64
        assert batch.sizes.tolist() == [[5 + i % 3, 6] for i in batch.indices]
    assert no_threads_left()


def test_slow_images_keep_their_place(monkeypatch):
    prepare = loading._prepare

    def slowly(item, name, preparation):
        time.sleep(0.02 if item[0, 0, 0] % 3 == 0 else 0)
        return prepare(item, name, preparation)

    monkeypatch.setattr(loading, "_prepare", slowly)
    assert levels(load_batches(numbered(10), SMALL, batch_size=5, workers=4)) == [
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8, 9],
    ]


def test_paths_text_bytes_and_arrays_mixed(files):
    images = [files[0], str(files[1]), files[2].read_bytes(), np.full((4, 4), 3, np.uint8)]
    (batch,) = load_batches(images, SMALL)
    assert levels([batch]) == [[0, 1, 2, 3]]
    assert batch.sizes.tolist() == [[10, 20], [10, 21], [10, 22], [4, 4]]


def test_pixels_are_what_decode_and_prepare_give(files, tmp_path):
    path = tmp_path / "noise.png"
    noise = np.random.default_rng(0).integers(0, 256, (90, 50), np.uint8)
    Image.fromarray(noise).save(path)
    preparation = Preparation(24, 32, resize="fit", lighting="normalize")
    (batch,) = load_batches([path, *files], preparation)
    np.testing.assert_array_equal(batch.pixels[0], preparation.apply(decode_image(path)))


@pytest.mark.parametrize("shape", [(4, 6, 5, 3), (4, 6, 5, 1), (4, 6, 5, 4)])
def test_an_array_of_images(shape):
    assert load_all(np.zeros(shape, np.uint8), SMALL).shape == (4, 8, 8, 3)


def test_any_iterable_is_read_no_further_than_two_batches_ahead():
    taken = []

    def endless():
        for i in range(10**9):
            taken.append(i)
            yield np.full((4, 4, 3), i % 256, np.uint8)

    batches = load_batches(endless(), SMALL, batch_size=3)
    assert taken == []
    assert levels([next(batches), next(batches)]) == [[0, 1, 2], [3, 4, 5]]
    assert len(taken) <= 6 + 2 * 3 + 1
    batches.close()
    assert no_threads_left()


def test_arrays_of_names(files):
    assert len(load_all(np.array([str(path) for path in files]), SMALL)) == 7


# Failures


def test_an_error_names_the_file(files):
    files[3].write_bytes(BROKEN)
    batches = load_batches(files, SMALL, batch_size=2)
    assert levels([next(batches)]) == [[0, 1]]
    with pytest.raises(InputError, match=r"3\.png"):
        next(batches)
    assert no_threads_left()


def test_an_error_numbers_what_has_no_name():
    images = [*numbered(2), BROKEN]
    with pytest.raises(InputError, match="image 2"):
        list(load_batches(images, SMALL))
    with pytest.raises(InputError, match="image 1"):
        list(load_batches([*numbered(1), np.zeros((3, 3), np.int64)], SMALL))


def test_skipped_images_are_reported_and_batches_are_full(files, tmp_path):
    files[1].write_bytes(b"")
    images = [*files[:3], tmp_path / "gone.png", *files[3:], BROKEN]
    failures: list[Failure] = []
    batches = list(
        load_batches(images, SMALL, batch_size=3, on_error="skip", on_failure=failures.append)
    )
    assert [batch.indices.tolist() for batch in batches] == [[0, 2, 4], [5, 6, 7]]
    assert levels(batches) == [[0, 2, 3], [4, 5, 6]]
    assert [(f.index, f.name) for f in failures] == [
        (1, str(files[1])),
        (3, str(tmp_path / "gone.png")),
        (8, "image 8"),
    ]
    assert "empty" in failures[0].reason
    assert "missing" in failures[1].reason


def test_failures_are_reported_in_the_calling_thread():
    threads = []
    failed = load_all(
        [b"", b""],
        SMALL,
        on_error="skip",
        on_failure=lambda failure: threads.append(threading.current_thread()),
    )
    assert threads == [threading.current_thread()] * 2
    assert failed.shape == (0, 8, 8, 3)


def test_without_a_listener_failures_are_just_skipped():
    assert load_all([b"", *numbered(2)], SMALL, on_error="skip").shape == (2, 8, 8, 3)


def test_an_item_of_another_type_is_a_failure():
    with pytest.raises(InputError, match="path, bytes or an array, got int as image 0"):
        load_all([7], SMALL)
    assert len(load_all([None, *numbered(1)], SMALL, on_error="skip")) == 1


def test_other_errors_are_never_skipped(monkeypatch):
    def fail(item, name, preparation):
        raise ZeroDivisionError

    monkeypatch.setattr(loading, "_prepare", fail)
    with pytest.raises(ZeroDivisionError):
        load_all(numbered(3), SMALL, on_error="skip")
    assert no_threads_left()


# Stopping


def test_closing_early_drops_what_has_not_begun(monkeypatch):
    begun = []
    prepare = loading._prepare

    def slowly(item, name, preparation):
        begun.append(name)
        time.sleep(0.02)
        return prepare(item, name, preparation)

    monkeypatch.setattr(loading, "_prepare", slowly)
    batches = load_batches(numbered(200), SMALL, batch_size=10, workers=2)
    next(batches)
    batches.close()
    assert len(begun) < 25
    assert no_threads_left()


def test_ctrl_c_while_waiting_stops_the_threads(monkeypatch):
    def interrupted(self, timeout=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(loading.Future, "result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(load_batches(numbered(50), SMALL))
    assert no_threads_left()


def test_an_error_of_the_iterable_arrives():
    def images():
        yield from numbered(3)
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        list(load_batches(images(), SMALL))
    assert no_threads_left()


def test_memory_in_flight_is_bounded(monkeypatch):
    at_once, most = 0, 0
    lock = threading.Lock()
    prepare = loading._prepare

    def counted(item, name, preparation):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        result = prepare(item, name, preparation)
        with lock:
            at_once -= 1
        return result

    monkeypatch.setattr(loading, "_prepare", counted)
    load_all(numbered(60), SMALL, workers=3)
    assert most <= 3


# All at once


@pytest.mark.parametrize("make", [list, iter])
def test_load_all(make):
    loaded = load_all(make(numbered(20)), SMALL)
    assert loaded.shape == (20, 8, 8, 3)
    assert loaded.dtype == np.uint8
    assert loaded[:, 0, 0, 0].tolist() == list(range(20))


@pytest.mark.parametrize("make", [list, iter])
def test_load_nothing(make):
    assert load_all(make([]), SMALL).shape == (0, 8, 8, 3)


# Mistakes


@pytest.mark.parametrize("single", ["a.png", Path("a.png"), b"abc"])
def test_a_single_file(single):
    with pytest.raises(InputError, match="got one .*Put it in a list"):
        load_batches(single, SMALL)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 3), ()])
def test_a_single_array(shape):
    with pytest.raises(InputError, match=r"one array of shape \(.*list.*height, width, 1"):
        load_batches(np.zeros(shape, np.uint8), SMALL)


def test_no_iterable():
    with pytest.raises(InputError, match="list of images, got int"):
        load_batches(3, SMALL)


@pytest.mark.parametrize("option", ["batch_size", "workers"])
def test_bad_counts(option):
    with pytest.raises(InputError, match="at least 1, got"):
        load_batches([], SMALL, **{option: 0})


def test_bad_on_error():
    with pytest.raises(InputError, match="error or skip, got 'ignore'"):
        load_all([], SMALL, on_error="ignore")


def test_names():
    assert name_of("a/b.png", 3) == "a/b.png"
    assert name_of(Path("a") / "b.png", 3) == str(Path("a") / "b.png")
    assert name_of(b"...", 3) == "image 3"
    assert name_of(np.zeros(3), 4) == "image 4"
