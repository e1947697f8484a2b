"""The settings of a classifier as JSON, without those that are functions.

A function cannot be saved without code that could run when it is loaded. What is left out is told
by name, so that it can be set again before the classifier is fitted again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from embedsvc.classify.checks import check_settings
from embedsvc.classify.classifier import TextClassifier
from embedsvc.errors import ArtifactError, InputError
from embedsvc.settings import from_json, setting_types, to_json
from embedsvc.store.fields import Fields, short


def split_settings(classifier: TextClassifier) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings that JSON can hold, and a description of the others."""
    settings = {name: to_json(value) for name, value in classifier.get_params(deep=False).items()}
    saved = {name: value for name, value in settings.items() if _is_json(value)}
    left_out = {name: _describe(value) for name, value in settings.items() if name not in saved}
    return saved, left_out


def make_classifier(fields: Fields) -> TextClassifier:
    """A classifier with saved settings, nothing learned yet; the others have their defaults.

    Raises:
        ArtifactError: a setting is not known, or cannot be.
    """
    hints = setting_types(TextClassifier)
    unknown = [name for name in fields.values if name not in hints]
    if unknown:
        raise ArtifactError(
            f"Expected settings of a text classifier in {fields.path}: {', '.join(hints)}; got "
            f"{short(unknown[0])}. Save the classifier again with this version of embedsvc."
        )
    restored = fields.replaced(
        {name: from_json(value, hints[name]) for name, value in fields.values.items()}
    )
    classifier = TextClassifier(
        **{name: restored.take(name, hints[name]) for name in fields.values}
    )
    try:
        check_settings(classifier.get_params(deep=False))
    except InputError as err:
        raise ArtifactError(f"{fields.path}: {err}") from err
    return classifier


def _is_json(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_json(one) for key, one in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    return value is None or isinstance(value, str | int) or _is_finite(value)


def _is_finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _describe(value: Any) -> Any:
    """What JSON cannot hold, by name."""
    if isinstance(value, Mapping):
        return {str(key): _describe(one) for key, one in value.items()}
    if _is_json(value):
        return value
    return str(getattr(value, "__qualname__", type(value).__qualname__))
