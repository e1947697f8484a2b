"""Headers that every answer has, and what the gate does to them."""

from __future__ import annotations

from collections.abc import Iterable

Header = tuple[bytes, bytes]

# An answer is data: no browser should run, frame or guess at it. A page says for itself what it
# needs.
_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_ALWAYS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_UNSAID: tuple[Header, ...] = (_POLICY, (b"cache-control", b"no-store"))


def with_safety(headers: Iterable[Header], *, request_id: str, closing: bool) -> list[Header]:
    """An answer's headers with the service's own.

    Args:
        headers: of the answer; what it says of its policy and caching stands.
        request_id: told to the client.
        closing: whether the connection ends with this answer.
    """
    own = list(headers)
    names = {name.lower() for name, _ in own}
    own += _ALWAYS
    own += [header for header in _UNSAID if header[0] not in names]
    own.append((b"x-request-id", request_id.encode()))
    if closing:
        own.append((b"connection", b"close"))
    return own


def header(headers: Iterable[Header], name: bytes) -> str | None:
    """The first header of a name, which is in small letters as ASGI has it."""
    return next((value.decode("latin-1") for key, value in headers if key == name), None)
