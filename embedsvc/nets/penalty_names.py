"""Penalties by name, such as "l2:1e-4"; without Keras, so that mistakes are answered at once."""

from __future__ import annotations

from embedsvc.errors import InputError

_KINDS = {"l1": ("l1",), "l2": ("l2",), "l1l2": ("l1", "l2")}
_ABOVE_ALL = 1e6


def penalty_factors(text: object) -> dict[str, float]:
    """The factors of a penalty: of "l1:1e-5", "l2:1e-4", or "l1l2:1e-5,1e-4".

    Returns:
        By "l1" and "l2", those that are named.

    Raises:
        InputError: something else.

    Example:
        >>> penalty_factors("l1l2:1e-5,1e-4")
        {'l1': 1e-05, 'l2': 0.0001}
    """
    name, _, numbers = text.partition(":") if isinstance(text, str) else ("", "", "")
    kinds = _KINDS.get(name.strip().lower(), ())
    try:
        factors = [float(number) for number in numbers.split(",")]
    except ValueError:
        factors = []
    if not kinds or len(factors) != len(kinds) or not all(0 <= one < _ABOVE_ALL for one in factors):
        raise InputError(
            "Expected a penalty such as l2:1e-4, l1:1e-5 or l1l2:1e-5,1e-4, with factors of at "
            f"least 0, got {text!r}."
        )
    return dict(zip(kinds, factors, strict=True))
