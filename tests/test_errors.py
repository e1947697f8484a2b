"""The tree of errors."""

import inspect

import pytest

from embedsvc import errors

BASES = {
    "EmbedsvcError": (Exception,),
    "InputError": (errors.EmbedsvcError, ValueError),
    "NotFittedError": (errors.EmbedsvcError, ValueError, AttributeError),
    "ArtifactError": (errors.EmbedsvcError,),
    "WeightsError": (errors.EmbedsvcError,),
    "OfflineError": (errors.WeightsError,),
    "OutputError": (errors.EmbedsvcError,),
    "ResumeError": (errors.OutputError,),
    "MissingExtraError": (errors.EmbedsvcError, ImportError),
}


@pytest.mark.parametrize("name", BASES)
def test_bases(name):
    assert getattr(errors, name).__bases__ == BASES[name]
    assert str(getattr(errors, name)("a message")) == "a message"


def test_the_tree_is_complete_and_drawn():
    classes = [name for name, value in vars(errors).items() if inspect.isclass(value)]
    assert classes == list(BASES)
    for name in classes:
        assert name in errors.__doc__
