"""Who may call: keys, host names and pages of other origins."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from embedsvc.server.headers import header
from embedsvc.server.problems import Forbidden, Unauthorized
from embedsvc.server.service import Keys
from embedsvc.server.settings import ServeSettings

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PROTECTED = ("/v1/", "/metrics")
_BEARER = "bearer "


class Access:
    """Decides on a request by its head alone.

    Args:
        settings: of the service.
        keys: that may call; None asks for none.
    """

    def __init__(self, settings: ServeSettings, keys: Keys | None) -> None:
        self._keys = keys
        self._origins = frozenset(settings.cors_origins)
        self._hosts: Collection[str] | None = settings.allowed_hosts or None
        if self._hosts is None and keys is None and settings.host in LOOPBACK:
            # A page whose name was made to resolve to this machine would otherwise be let in by
            # the user's own browser (DNS rebinding).
            self._hosts = LOOPBACK

    def check(self, scope: Mapping[str, Any]) -> str | None:
        """Let a request in.

        Returns:
            The name of its key, None where none is asked for.

        Raises:
            Unauthorized: no key, or an unknown one.
            Forbidden: the host is none of this service's, or a foreign page calls.
        """
        headers = scope["headers"]
        host = header(headers, b"host") or ""
        self._check_host(host)
        self._check_origin(header(headers, b"origin"), host)
        if self._keys is None or not scope["path"].startswith(_PROTECTED):
            return None
        if scope["method"] == "OPTIONS":
            # A browser asks what it may send before it sends the key.
            return None
        presented = header(headers, b"authorization") or ""
        if not presented.lower().startswith(_BEARER):
            raise Unauthorized(
                "Expected an API key in the header 'Authorization: Bearer KEY', got none. "
                "Ask whoever runs this service for one.",
                code="missing_api_key",
            )
        name = self._keys.name_of(presented[len(_BEARER) :].strip())
        if name is None:
            raise Unauthorized(
                "Expected a known API key, got another one. Check that it was copied whole, or ask "
                "whoever runs this service for a new one."
            )
        return name

    def _check_host(self, host: str) -> None:
        if self._hosts is not None and _name_of(host) not in self._hosts:
            raise Forbidden(
                f"Expected to be called as {' or '.join(sorted(self._hosts))}, got the host "
                f"{_name_of(host)!r:.100}. Use one of these names, or start the service with "
                "--allowed-host.",
                code="unknown_host",
            )

    def _check_origin(self, origin: str | None, host: str) -> None:
        """Refuse what a page of another origin sends, which the user may know nothing of."""
        if origin is None or origin in self._origins:
            return
        place = _place_of(origin)
        if not place or place != host.lower():
            raise Forbidden(
                f"Expected pages of this service alone to call it from a browser, got the origin "
                f"{origin!r:.100}. Start the service with --cors-origin to let it in.",
                code="foreign_origin",
            )


def _place_of(origin: str) -> str:
    """An Origin header without its scheme: "127.0.0.1:8080"; nothing where it is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _name_of(host: str) -> str:
    """A Host header without its port: "localhost", "127.0.0.1", "::1"."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
