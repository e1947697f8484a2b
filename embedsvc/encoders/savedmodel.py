"""TensorFlow SavedModels, read as untrusted data.

Variables are read from the checkpoint by the names in its object graph, which runs nothing. To
load a SavedModel is to run its graph, though, and a graph is a program: what is refused here (other
languages, files, far too large sizes) is what no text model needs, and no sandbox.
https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

# Registers the operations that preprocess models are made of.
import tensorflow_text  # noqa: F401
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from tensorflow.core.protobuf import saved_model_pb2, trackable_object_graph_pb2

from embedsvc.errors import ArtifactError

_MAX_GRAPH_BYTES = 256 << 20
_CHUNK = 1 << 20
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_REFUSED = {
    "EagerPyFunc",
    "LoadDataset",
    "LoadDatasetV2",
    "MatchingFiles",
    "PyFunc",
    "PyFuncStateless",
    "ReadFile",
    "Save",
    "SaveDataset",
    "SaveDatasetV2",
    "SaveSlices",
    "WriteFile",
}
# What TensorFlow raises for SavedModels that are damaged or made for other versions.
_LOAD_ERRORS = (
    tf.errors.OpError,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    RuntimeError,
    DecodeError,
)


def check_saved_model(folder: Path) -> None:
    """Refuse a folder that holds no SavedModel of TensorFlow 2, or one that should not be run.

    Raises:
        ArtifactError: a file is missing, damaged or too large, or the graph asks for Python or for
            files.
    """
    path = folder / "saved_model.pb"
    if not path.is_file():
        raise ArtifactError(
            f"Expected a SavedModel in {folder}, got no saved_model.pb. Check the folder, or "
            "unpack the archive first."
        )
    if (folder / "tfhub_module.pb").is_file():
        raise ArtifactError(
            f"Expected a SavedModel of TensorFlow 2 in {folder}, got the older TF1 Hub format, "
            "which is not supported. Take a newer version of the same model."
        )
    size = path.stat().st_size
    if size > _MAX_GRAPH_BYTES:
        raise ArtifactError(
            f"Expected {path} to be at most {_MAX_GRAPH_BYTES:,} bytes, got {size:,}. A text "
            "model's graph is far smaller: check the file."
        )
    refused = sorted(_REFUSED.intersection(_operations(path)))
    if refused:
        raise ArtifactError(
            f"Expected {path} to compute with tensors alone, got the operations "
            f"{', '.join(refused)}, which run other programs or touch files. Do not use it."
        )


def load_saved_model(folder: Path) -> Any:
    """Load a checked SavedModel with all it can do.

    Raises:
        ArtifactError: `check_saved_model` refuses it, or TensorFlow cannot load it.
    """
    check_saved_model(folder)
    try:
        return tf.saved_model.load(str(folder))
    except _LOAD_ERRORS as err:
        raise ArtifactError(
            f"Expected a SavedModel that TensorFlow {tf.__version__} loads in {folder}, got: "
            f"{_first_line(err)}. Copy or download it again."
        ) from err


def read_variables(folder: Path) -> dict[str, NDArray[np.float32]]:
    """Read the floating point variables of a SavedModel without running any of it.

    The names are those that the object graph in the checkpoint has of each variable. The keys in
    the checkpoint itself are of no use: exporters number them.

    Args:
        folder: of the SavedModel.

    Returns:
        Float32 arrays by name, without the ":0". Of several variables with one name, the later
        ones have " (2)" and so on behind it.

    Raises:
        ArtifactError: the files are missing, damaged, or claim more numbers than they have.
    """
    prefix = folder / "variables" / "variables"
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        shapes = reader.get_variable_to_shape_map()
        dtypes = reader.get_variable_to_dtype_map()
        graph = trackable_object_graph_pb2.TrackableObjectGraph()
        graph.ParseFromString(reader.get_tensor(_OBJECT_GRAPH))
        keys = {key: name for key, name in _named(graph) if key in shapes}
        keys = {key: name for key, name in keys.items() if dtypes[key].is_floating}
        # Checked before anything of that size is taken from memory.
        claimed = sum(dtypes[key].size * math.prod(shapes[key]) for key in keys)
        if claimed > sum(path.stat().st_size for path in _data_files(folder)):
            raise ArtifactError(
                f"Expected the variables of {folder} to be as large as their files, got "
                f"{claimed:,} bytes claimed. The files are truncated: download them again."
            )
        variables: dict[str, NDArray[np.float32]] = {}
        for key, name in keys.items():
            array = np.asarray(reader.get_tensor(key)).astype(np.float32)
            variables[_unused(name, variables)] = array
        return variables
    except _LOAD_ERRORS as err:
        raise ArtifactError(
            f"Expected readable variables in {prefix.parent}, got: {_first_line(err)}. Copy or "
            "download the SavedModel again."
        ) from err


def variables_sha256(folder: Path) -> str:
    """The sha256 of a SavedModel's variables: of its data files, one behind the other."""
    digest = hashlib.sha256()
    for path in _data_files(folder):
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _data_files(folder: Path) -> list[Path]:
    return sorted((folder / "variables").glob("variables.data-*"))


def _named(graph: Any) -> Iterator[tuple[str, str]]:
    """Key in the checkpoint and name of each variable."""
    for node in graph.nodes:
        for attribute in node.attributes:
            key = attribute.checkpoint_key
            yield key, attribute.full_name or key.partition("/.ATTRIBUTES/")[0]


def _unused(name: str, names: dict[str, Any]) -> str:
    candidate, count = name, 1
    while candidate in names:
        count += 1
        candidate = f"{name} ({count})"
    return candidate


def _operations(path: Path) -> Iterator[str]:
    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString(path.read_bytes())
    except (DecodeError, OSError) as err:
        raise ArtifactError(
            f"Expected a SavedModel in {path}, got: {_first_line(err)}. Copy or download it again."
        ) from err
    for graph in model.meta_graphs:
        yield from (node.op for node in graph.graph_def.node)
        for function in graph.graph_def.library.function:
            yield from (node.op for node in function.node_def)


def _first_line(err: Exception) -> str:
    lines = str(err).strip().split("\n")
    return lines[0].rstrip(".")[:300] or type(err).__name__
