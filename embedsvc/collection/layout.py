"""What a table of a collection looks like, and what its metadata say.

| column           | type                       | holds                                        |
|------------------|----------------------------|----------------------------------------------|
| `id`             | string, unique             | what a row is called                         |
| `vector`         | fixed-size list of float32 | its vector, as the model gave it             |
| `text`, `image`  | string                     | the text, or the path of the image           |
| `content_sha256` | string                     | of the text, the image's file, or the vector |
| others           | as they came               | the user's columns; null where not given     |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa

from embedsvc.collection.names import RESERVED
from embedsvc.errors import ArtifactError
from embedsvc.tables.contents import is_of_images

ID = "id"
VECTOR = "vector"
DIGEST = "content_sha256"
_KEY = b"embedsvc"
_FORMAT = 1
_KEPT = (
    "model",
    "model_sha256",
    "dim",
    "pooling",
    "normalize",
    "max_tokens",
    "prompt",
    "on_long",
    "size",
    "resize",
    "lighting",
    "version",
)


def content_column(metadata: Mapping[str, Any]) -> str:
    """The column of what the vectors were made from."""
    return "image" if is_of_images(metadata) else "text"


def new_schema(metadata: Mapping[str, Any], fields: Sequence[pa.Field]) -> pa.Schema:
    """The schema of a new table.

    Args:
        metadata: of the vectors, `dim` among them.
        fields: the user's columns.
    """
    about = orjson.dumps({"collection_format": _FORMAT, **metadata})
    vector = pa.list_(pa.float32(), int(metadata["dim"]))
    return pa.schema(
        [
            pa.field(ID, pa.string(), nullable=False),
            pa.field(VECTOR, vector, nullable=False),
            pa.field(content_column(metadata), pa.string()),
            pa.field(DIGEST, pa.string()),
            *fields,
        ],
        metadata={_KEY: about},
    )


def read_layout(schema: pa.Schema, label: str) -> dict[str, Any]:
    """Check that a table is a collection of ours.

    Args:
        schema: of the table.
        label: what messages call it.

    Returns:
        The metadata of its vectors.

    Raises:
        ArtifactError: another program made it, or a later version of this one.
    """
    try:
        metadata = orjson.loads((schema.metadata or {})[_KEY])
        version = metadata.pop("collection_format")
        vector = schema.field(VECTOR).type
        whole = schema.field(ID).type == pa.string() and vector.value_type == pa.float32()
        whole = whole and vector.list_size == metadata["dim"]
        whole = whole and {DIGEST, content_column(metadata)} <= set(schema.names)
    except (KeyError, TypeError, AttributeError, ValueError) as err:
        raise _foreign(label) from err
    if not whole:
        raise _foreign(label)
    if version != _FORMAT:
        raise ArtifactError(
            f"Expected {label} in format {_FORMAT}, got {version!r}. Update embedsvc to read it."
        )
    return dict(metadata)


def as_metadata(described: Mapping[str, Any]) -> dict[str, Any]:
    """What a collection keeps of what a file says of its vectors: the model, and no more."""
    return {key: described[key] for key in _KEPT if key in described}


def user_fields(schema: pa.Schema) -> dict[str, pa.DataType]:
    """The columns that are the user's own, with their types."""
    return {field.name: field.type for field in schema if field.name not in RESERVED}


def _foreign(label: str) -> ArtifactError:
    return ArtifactError(
        f"Expected {label} to be made by embedsvc collect, got a table of another program. Choose "
        "another name, or another --database."
    )
