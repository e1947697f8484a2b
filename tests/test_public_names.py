"""What `import embedsvc` offers, and how light it is."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import embedsvc
from embedsvc import errors

HEAVY = ("tensorflow", "keras", "sklearn", "pyarrow", "tokenizers", "rich", "numpy")


@pytest.mark.parametrize("name", embedsvc.__all__)
def test_every_public_name_resolves_and_is_documented(name: str):
    value = getattr(embedsvc, name)
    assert name == "__version__" or inspect.getdoc(value)


def test_dir_lists_the_public_names():
    assert dir(embedsvc) == sorted(embedsvc.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = embedsvc.nothing


def test_all_names_the_same_as_the_lazy_table():
    assert set(embedsvc.__all__) == {*embedsvc._HOMES, "__version__"}


def test_errors_are_drawn_at_the_top_of_their_file():
    classes = [name for name, value in vars(errors).items() if inspect.isclass(value)]
    assert all(name in str(errors.__doc__) for name in classes)


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, embedsvc; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(done.stdout.split())
