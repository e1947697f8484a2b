"""The application in this process, with tiny models."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from tiny_folders import write_tiny_bert

from embedsvc.server.app import create_app
from embedsvc.server.settings import ServeSettings

BASE_URL = "http://127.0.0.1"
PATIENCE = 60.0


@contextmanager
def running(app: FastAPI) -> Iterator[TestClient]:
    """A client of an application that has loaded its models."""
    with TestClient(app, base_url=BASE_URL, raise_server_exceptions=False) as client:
        deadline = time.monotonic() + PATIENCE
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline, "the models were not loaded"
            time.sleep(0.02)
        yield client


@pytest.fixture(scope="session")
def served_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny text model, and a tiny classifier of each task."""
    from tiny_classifiers import make_classifier

    from embedsvc.store.classifiers import save_classifier

    root = tmp_path_factory.mktemp("served")
    folders = {"tiny": write_tiny_bert(root / "tiny")}
    for task in ("binary", "multiclass", "multilabel"):
        folders[task] = root / task
        save_classifier(make_classifier(folders["tiny"], task), folders[task])
    return folders


@pytest.fixture
def serve(served_folders: dict[str, Path]) -> Iterator[Callable[..., TestClient]]:
    """Starts an application with the tiny text model and settings of the test's own."""
    with ExitStack() as stack:

        def start(*, keys=None, **settings) -> TestClient:
            chosen = {"models": (f"tiny={served_folders['tiny']}",), **settings}
            return stack.enter_context(running(create_app(ServeSettings(**chosen), keys=keys)))

        yield start


@pytest.fixture(scope="module")
def client(served_folders: dict[str, Path]) -> Iterator[TestClient]:
    """An application with the tiny text model and classifiers, and the usual settings."""
    settings = ServeSettings(
        models=(f"tiny={served_folders['tiny']}",),
        classifiers=tuple(
            f"{task}={served_folders[task]}" for task in ("binary", "multiclass", "multilabel")
        ),
    )
    with running(create_app(settings)) as started:
        yield started
