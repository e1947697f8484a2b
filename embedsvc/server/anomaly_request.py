"""What a request to /v1/anomalies asks for, as JSON or as a form with files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema

from embedsvc.report.shown_text import shown_label
from embedsvc.server.fields import ModelName, Request, describe, problem
from embedsvc.server.image_data import Picture, picture_of_file, read_pictures, shown_name
from embedsvc.server.json_route import is_json, media_type, read_json
from embedsvc.server.multipart import Part, read_form
from embedsvc.server.problems import BadRequest, Problem, WrongMediaType
from embedsvc.server.settings import ServeSettings

_FORM = "multipart/form-data"
_TEXT_FIELDS = ("model", "heatmap")
_FILES = "image"
_SHOWN = 60


class AskedImages(ABC):
    """Images, and what is wanted of them.

    Attributes:
        param: the field they came in.
        model: the detector's name; None for the first.
        heatmap: whether heat maps are wanted.
    """

    param: str
    model: str | None
    heatmap: bool

    @abstractmethod
    def __len__(self) -> int:
        """How many images."""

    @abstractmethod
    def pictures(self, settings: ServeSettings) -> Sequence[Picture | Problem]:
        """Each image's bytes, or what is wrong with it; blocks, so call it in a thread."""

    @abstractmethod
    def shown_name(self, index: int) -> str | None:
        """What the client calls an image, fit to be shown."""


def read_request(body: bytes, content_type: str, settings: ServeSettings) -> AskedImages:
    """Read a request; blocks, so call it in a thread.

    Raises:
        WrongMediaType: it is neither JSON nor a form with files.
        BadRequest: it is malformed, or has other fields.
        BodyTooLarge: it has too many of them.
    """
    if media_type(content_type) == _FORM:
        return _Files(read_form(body, content_type, most_parts=settings.max_items + 2))
    if is_json(content_type):
        return _Texts(read_json(body, AnomalyRequest))
    raise WrongMediaType(
        f"Expected JSON or a form with files ({_FORM}), got the content type "
        f"{shown_label(content_type, _SHOWN)}. Send images as data URLs with 'Content-Type: "
        "application/json', or as files: curl -F image=@picture.png."
    )


# As JSON


def _read_images(value: object) -> list[str] | str:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise problem("", "an image as a data URL or base64, or a list of them", describe(value))
    for index, one in enumerate(value):
        if not isinstance(one, str):
            raise problem(f"[{index}]", "an image as a data URL or base64", describe(one))
    return value


_IMAGE = {"type": "string"}


class AnomalyRequest(Request):
    """Images to score."""

    images: Annotated[
        list[str] | str,
        PlainValidator(_read_images),
        WithJsonSchema({"anyOf": [_IMAGE, {"type": "array", "items": _IMAGE}]}),
        Field(description="An image or several: data URLs (data:image/png;base64,...) or base64."),
    ]
    model: ModelName = None
    heatmap: Annotated[
        bool, Field(strict=True, description="Whether to say where images are unusual, too.")
    ] = False


class _Texts(AskedImages):
    param = "images"

    def __init__(self, request: AnomalyRequest) -> None:
        self.model, self.heatmap = request.model, request.heatmap
        self._texts = request.images

    def __len__(self) -> int:
        return 1 if isinstance(self._texts, str) else len(self._texts)

    def pictures(self, settings: ServeSettings) -> Sequence[Picture | Problem]:
        return read_pictures(self._texts, param=self.param, settings=settings)

    def shown_name(self, index: int) -> str | None:
        del index
        return None


# As a form


class _Files(AskedImages):
    param = _FILES

    def __init__(self, parts: Sequence[Part]) -> None:
        for part in parts:
            _check_part(part)
        self._files = [part for part in parts if part.name == _FILES]
        if not self._files:
            raise BadRequest(
                f"Expected at least one file in the field {_FILES}, got none. Send one: curl -F "
                f"{_FILES}=@picture.png.",
                param=_FILES,
            )
        self.model = _only(parts, "model")
        self.heatmap = _truth(_only(parts, "heatmap"))

    def __len__(self) -> int:
        return len(self._files)

    def pictures(self, settings: ServeSettings) -> Sequence[Picture | Problem]:
        return [self._picture(index, settings) for index in range(len(self._files))]

    def shown_name(self, index: int) -> str | None:
        return shown_name(self._files[index].filename)

    def _picture(self, index: int, settings: ServeSettings) -> Picture | Problem:
        file = self._files[index]
        param = f"{_FILES}[{index}]"
        try:
            return picture_of_file(
                file.data, filename=file.filename, param=param, settings=settings
            )
        except Problem as found:
            return found


def _check_part(part: Part) -> None:
    known = ", ".join((_FILES, *_TEXT_FIELDS))
    shown = shown_label(part.name, _SHOWN)
    if part.name not in (_FILES, *_TEXT_FIELDS):
        raise BadRequest(
            f"Expected the fields {known}, got {shown} too. Leave it out, or rename it.",
            param=shown,
        )
    if part.name == _FILES and part.filename is None:
        raise BadRequest(
            f"Expected files in the field {_FILES}, got a text. Send it with a file name: curl -F "
            f"{_FILES}=@picture.png, with the @. Texts in base64 go into the field images of JSON.",
            param=_FILES,
        )
    if part.name != _FILES and part.filename is not None:
        raise BadRequest(
            f"Expected a text in the field {shown}, got a file. Files go into {_FILES}.",
            param=shown,
        )


def _only(parts: Sequence[Part], name: str) -> str | None:
    values = [part.text() for part in parts if part.name == name]
    if len(values) > 1:
        raise BadRequest(
            f"Expected the field {name} once, got it {len(values)} times. Send it once.", param=name
        )
    return values[0] if values else None


def _truth(value: str | None) -> bool:
    known = {None: False, "true": True, "false": False}
    if value not in known:
        raise BadRequest(
            f"Expected heatmap to be true or false, got {shown_label(value or '', _SHOWN)}.",
            param="heatmap",
        )
    return known[value]


OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": AnomalyRequest.model_json_schema()},
            _FORM: {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": [_FILES],
                    "properties": {
                        _FILES: {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                            "description": "Picture files.",
                        },
                        "model": {
                            "type": "string",
                            "description": "A detector of this service; left out, the first.",
                        },
                        "heatmap": {
                            "type": "string",
                            "enum": ["true", "false"],
                            "description": "Whether to say where images are unusual, too.",
                        },
                    },
                }
            },
        },
    }
}
"""What the OpenAPI document says of both forms."""
