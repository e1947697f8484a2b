"""The OpenAPI document, as FastAPI makes it but for what is not so here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

_SCHEME = "apiKey"
# FastAPI's own answer to a request that does not fit; here that is a 400 in the service's shape.
_NEVER_ANSWERED = "422"
_NEVER_USED = ("HTTPValidationError", "ValidationError")


class DocumentedApi(FastAPI):
    """An application whose document says what it answers, and whether it asks for keys.

    Attributes:
        asks_for_keys: whether requests need an API key.
    """

    asks_for_keys = False

    def openapi(self) -> dict[str, Any]:
        """The document; what is done to it can be done again."""
        document = super().openapi()
        components = document.setdefault("components", {})
        for name in _NEVER_USED:
            components.get("schemas", {}).pop(name, None)
        for operation in _operations(document):
            operation["responses"].pop(_NEVER_ANSWERED, None)
            if not self.asks_for_keys:
                operation["responses"].pop("401", None)
            elif "401" in operation["responses"]:
                operation["security"] = [{_SCHEME: []}]
        if self.asks_for_keys:
            components["securitySchemes"] = {
                _SCHEME: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key of this service: Authorization: Bearer KEY.",
                }
            }
        return document


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()
