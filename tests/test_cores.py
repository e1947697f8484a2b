"""Cores, and work shared among them."""

import os
import threading

import pytest

from embedsvc.cores import available_cores, on_all_cores


def test_available_cores_without_affinity(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert available_cores() == 7


@pytest.mark.parametrize("parts", [[], [3], [3, 1, 2]])
def test_results_come_in_order(parts):
    assert on_all_cores(lambda part: part * 2, parts) == [part * 2 for part in parts]


def test_one_part_needs_no_thread():
    assert on_all_cores(lambda _: threading.current_thread(), [1]) == [threading.current_thread()]


def test_a_failing_part_is_told():
    with pytest.raises(ZeroDivisionError):
        on_all_cores(lambda part: 1 / part, [1, 0])
