import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from embedsvc.errors import ArtifactError
from embedsvc.server.hosting import Hosting
from embedsvc.server.problems import NotReady, UnknownModel


class Model:
    def __init__(self, name, kind):
        self.name, self.kind, self.warmed, self.closed = name, kind, False, False

    def about(self):
        return {}

    def warm(self):
        self.warmed = True

    async def close(self):
        self.closed = True


def hosting(**kinds):
    return Hosting({name: lambda n=name, k=kind: Model(n, k) for name, kind in kinds.items()})


def test_nothing_is_found_before_it_is_loaded():
    models = hosting(minilm="text")
    with pytest.raises(NotReady, match="still loading") as found:
        models.get("minilm", ("text",))
    assert found.value.retry_after > 0
    assert not models.ready


def test_models_are_warmed_and_found_by_name():
    models = hosting(minilm="text", topics="classifier")
    models.load()
    assert models.ready
    assert models.get("topics", ("text", "classifier")).name == "topics"
    assert all(model.warmed for model in models)


def test_without_a_name_the_first_of_its_kind_is_meant():
    models = hosting(a="text", b="detector", c="detector")
    models.load()
    assert models.get(None, ("detector",)).name == "b"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("minlm", "Did you mean 'minilm'?"),
        ("gears", "got 'gears', which is a detector"),
        ("../../etc/passwd", "GET /v1/models lists all"),
    ],
)
def test_an_unknown_name_lists_the_known_ones(name, words):
    models = hosting(minilm="text", gears="detector")
    models.load()
    with pytest.raises(UnknownModel) as found:
        models.get(name, ("text", "classifier"))
    assert words in str(found.value)
    assert "one of minilm (text or classifier)" in str(found.value)


def test_a_kind_that_is_not_served_says_how_to_serve_it():
    models = hosting(minilm="text")
    models.load()
    with pytest.raises(UnknownModel, match="to have a detector model, got none. Start it"):
        models.get(None, ("detector",))


def test_a_model_that_cannot_be_loaded_leaves_the_service_not_ready():
    def broken():
        raise ArtifactError("broken")

    models = Hosting({"broken": broken})
    with pytest.raises(ArtifactError):
        models.load()
    assert not models.ready


def test_closing_lets_go_of_all_threads():
    pool = ThreadPoolExecutor(1, thread_name_prefix="shared")
    pool.submit(int).result()
    models = Hosting({"minilm": lambda: Model("minilm", "text")}, pool)
    models.load()
    asyncio.run(models.close())
    assert all(model.closed for model in models)
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.submit(int)
