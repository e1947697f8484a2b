"""What the endpoints for texts share: find the model, check the items, tokenize, compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard, cast

from starlette.requests import Request

from embedsvc.server.hosting import Kind
from embedsvc.server.problems import BodyTooLarge
from embedsvc.server.service import Service

if TYPE_CHECKING:
    # Its module imports TensorFlow, which waits until models are loaded.
    from embedsvc.server.text_models import ComputedTexts, HostedText
    from embedsvc.text.tokenizer import TokenizedText

TEXT_KINDS: tuple[Kind, ...] = ("text", "classifier")

_LOGGED_CHARACTERS = 200


def text_model(
    service: Service, name: str | None, kinds: tuple[Kind, ...] = TEXT_KINDS
) -> HostedText:
    """The text model a request asks for."""
    return cast("HostedText", service.hosting.get(name, kinds))


def are_ids(items: list[str] | list[list[int]]) -> TypeGuard[list[list[int]]]:
    """Whether a request has token ids; none at all are texts."""
    return bool(items) and not isinstance(items[0], str)


def check_items(service: Service, n_items: int, *, param: str = "input") -> None:
    """Check that a request has no more items than it may.

    Raises:
        BodyTooLarge: it has.
    """
    most = service.settings.max_items
    if n_items > most:
        raise BodyTooLarge(
            f"Expected at most {most:,} items a request, got {n_items:,}. Send them in several "
            "requests.",
            param=param,
        )


async def tokenize(
    service: Service, model: HostedText, items: list[str] | list[list[int]]
) -> list[TokenizedText]:
    """Tokenize a request's texts; token ids are taken as they are."""
    check_items(service, len(items))
    if are_ids(items):
        return model.from_ids(items)
    return await model.tokenize(
        cast("list[str]", items), max_characters=service.settings.max_text_characters
    )


async def compute(
    service: Service,
    model: HostedText,
    items: list[str] | list[list[int]],
    *,
    truncate: bool | None,
) -> ComputedTexts:
    """Tokenize and compute a request's texts."""
    tokenized = await tokenize(service, model, items)
    cut = service.settings.truncate if truncate is None else truncate
    return await model.compute(tokenized, truncate=cut)


def note(request: Request, service: Service, model: str, items: list[Any], **facts: Any) -> None:
    """Say in the log what a request was about; its texts only where the service was told to."""
    request.state.log |= {"model": model, "n_items": len(items), **facts}
    if service.settings.log_texts:
        request.state.log["texts"] = [
            item[:_LOGGED_CHARACTERS] if isinstance(item, str) else "token ids" for item in items
        ]
