"""What the service counts, for Prometheus.

With several processes the library keeps each one's numbers in a shared folder, named by
PROMETHEUS_MULTIPROC_DIR, and `/metrics` adds them up, whichever process answers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from embedsvc.server.batching import BatchReport

SHARED = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)
_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class Metrics:
    """The service's numbers. Names and labels never hold anything of a request's content."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        requests = Counter(
            "embedsvc_requests",
            "Requests answered.",
            ["route", "method", "status"],
            registry=self._registry,
        )
        seconds = Histogram(
            "embedsvc_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        # Finding a label's number takes longer than counting; there are few of them.
        self._requests, self._seconds = cache(requests.labels), cache(seconds.labels)
        self.rejections = Counter(
            "embedsvc_rejections",
            "Requests refused because too much was going on, by the reason.",
            ["reason"],
            registry=self._registry,
        )
        self.abandoned = Counter(
            "embedsvc_abandoned",
            "Requests whose client went away before the answer.",
            registry=self._registry,
        )
        self.tokens = Counter(
            "embedsvc_tokens",
            "Tokens computed, without padding.",
            ["model"],
            registry=self._registry,
        )
        self.truncations = Counter(
            "embedsvc_truncations",
            "Texts of which only the beginning was computed.",
            ["model"],
            registry=self._registry,
        )
        self.images = Counter(
            "embedsvc_images", "Images computed.", ["model"], registry=self._registry
        )
        self.active = self._gauge("embedsvc_active_requests", "Requests being worked on.")
        self._items = self._gauge("embedsvc_queue_items", "Texts or images waiting.", "model")
        self._queued = self._gauge("embedsvc_queue_tokens", "Tokens waiting.", "model")
        self._fill = Histogram(
            "embedsvc_batch_fill",
            "Tokens of a batch as a share of what it may hold.",
            ["model"],
            buckets=_SHARES,
            registry=self._registry,
        )
        self._batch_items = Histogram(
            "embedsvc_batch_items",
            "Texts or images computed together.",
            ["model"],
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
            registry=self._registry,
        )
        self._batch_seconds = Histogram(
            "embedsvc_batch_seconds",
            "Seconds a batch took, waiting for a core included.",
            ["model"],
            buckets=_SECONDS,
            registry=self._registry,
        )

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests(route, method, str(status)).inc()
        self._seconds(route).observe(seconds)

    def model(self, name: str) -> ModelMetrics:
        """The numbers of one model, made once: finding labels costs more than counting."""
        return ModelMetrics(
            tokens=self.tokens.labels(name).inc,
            truncations=self.truncations.labels(name).inc,
            images=self.images.labels(name).inc,
            items=self._items.labels(name).set,
            queued=self._queued.labels(name).set,
            fill=self._fill.labels(name).observe,
            batch_items=self._batch_items.labels(name).observe,
            batch_seconds=self._batch_seconds.labels(name).observe,
        )

    def text(self) -> bytes:
        """All numbers in Prometheus' text format."""
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(name, what, labels, registry=self._registry, multiprocess_mode="livesum")


class ModelMetrics:
    """The numbers of one model; the `Observer` of its queue."""

    def __init__(
        self,
        *,
        tokens: Callable[[float], None],
        truncations: Callable[[float], None],
        images: Callable[[float], None],
        items: Callable[[float], None],
        queued: Callable[[float], None],
        fill: Callable[[float], None],
        batch_items: Callable[[float], None],
        batch_seconds: Callable[[float], None],
    ) -> None:
        self.truncations, self._tokens, self._images = truncations, tokens, images
        self._items, self._queued, self._fill = items, queued, fill
        self._batch_items, self._batch_seconds = batch_items, batch_seconds

    def batch(self, report: BatchReport) -> None:
        """Count a batch of texts."""
        self._tokens(report.n_tokens)
        self._fill(report.fill)
        self._batch_items(report.n_texts)
        self._batch_seconds(report.seconds)

    def image_batch(self, n_images: int, seconds: float) -> None:
        """Count a batch of images."""
        self._images(n_images)
        self._batch_items(n_images)
        self._batch_seconds(seconds)

    def waiting(self, n_items: int, n_tokens: int) -> None:
        """Say how much waits now; images have no tokens."""
        self._items(n_items)
        self._queued(n_tokens)
