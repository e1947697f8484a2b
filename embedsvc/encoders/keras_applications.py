"""Any backbone of keras.applications, by the name "keras:NAME".

Keras fetches the ImageNet weights from its own host, checks their hash, and keeps them in its own
cache. "keras:NAME@FILE" takes the weights from a local HDF5 file instead.
"""

from __future__ import annotations

import difflib
import hashlib
import http.client
import importlib
import inspect
import io
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import keras

from embedsvc.catalogue.cache import is_offline
from embedsvc.encoders.backbone import Backbone, choose_taps
from embedsvc.errors import ArtifactError, InputError, OfflineError, WeightsError
from embedsvc.nets.feature_maps import generic_taps, map_outputs, map_shapes

PREFIX = "keras:"
_DEFAULT_SIZE = 224


def load_keras_backbone(model: str, taps: Sequence[str]) -> Backbone:
    """Build a network of keras.applications without its classifier, and load its weights.

    Args:
        model: "keras:NAME" for ImageNet weights, or "keras:NAME@FILE" for weights saved with
            `save_weights` from the same network without its classifier (`include_top=False`), in
            a .h5 file. The network is built as Keras builds it for weights from a file; for
            EfficientNetB0 to B7 that lacks a scaling which Keras adds for its own ImageNet
            weights.
        taps: "stride4" to "stride32", "last", or layer names.

    Raises:
        InputError: no such network, weights file or tap.
        ArtifactError: the file does not hold weights of this network.
        OfflineError: the weights are not in Keras' cache, and EMBEDSVC_OFFLINE forbids the network.
        WeightsError: the weights could not be fetched.
    """
    name, file = parse(model)
    network = _imagenet(name) if file is None else _from_file(name, file)
    shapes = map_shapes(network)
    label = f"{PREFIX}{name}" + ("" if file is None else f"@{file.name}")
    chosen = choose_taps(label, taps, generic=generic_taps(network, shapes), own=list(shapes))
    outputs = map_outputs(network)
    fixed = network.inputs[0].shape[1]
    return Backbone(
        name=label,
        sha256=_sha256(network),
        network=keras.Model(network.inputs[0], {tap: outputs[own] for tap, own in chosen.items()}),
        shapes={tap: shapes[own] for tap, own in chosen.items()},
        prepare=_preprocessing(name),
        input_size=fixed or _DEFAULT_SIZE,
        any_size=fixed is None,
    )


def parse(model: str) -> tuple[str, Path | None]:
    """Take "keras:NAME" or "keras:NAME@FILE" apart.

    Raises:
        InputError: there is no such network or file, or the file is of another kind.
    """
    name, at, text = model.removeprefix(PREFIX).partition("@")
    names = _names()
    if name not in names:
        by_lower = {one.lower(): one for one in names}
        close = difflib.get_close_matches(name.lower(), by_lower, n=1)
        hint = f" Did you mean '{PREFIX}{by_lower[close[0]]}'?" if close else ""
        raise InputError(
            f"Expected {PREFIX}NAME with a network of keras.applications ({', '.join(names)}), "
            f"got {model!r}.{hint}"
        )
    if not at:
        return name, None
    file = Path(text)
    if file.suffix != ".h5":
        raise InputError(
            f"Expected weights in a .h5 file after {PREFIX}{name}@, got {text!r}. Save them with "
            f"network.save_weights('{name.lower()}.weights.h5'); a .keras archive can hold code "
            "and is not read."
        )
    if not file.is_file():
        raise InputError(f"Expected a weights file, got {text!r}, which is none. Check the path.")
    return name, file


def _names() -> list[str]:
    return sorted(
        name for name, value in vars(keras.applications).items() if inspect.isfunction(value)
    )


def _build(name: str, weights: str | None) -> keras.Model:
    with warnings.catch_warnings():
        # MobileNet says that it takes the weights learned with 224 pixels, for want of a size.
        warnings.filterwarnings("ignore", message=".*input_shape", category=UserWarning)
        return getattr(keras.applications, name)(include_top=False, weights=weights)


def _preprocessing(name: str) -> Callable[[Any], Any]:
    # Each network's own, which stands beside it.
    module = importlib.import_module(getattr(keras.applications, name).__module__)
    preprocess: Callable[[Any], Any] = module.preprocess_input
    return preprocess


def _from_file(name: str, file: Path) -> keras.Model:
    network = _build(name, None)
    try:
        with warnings.catch_warnings():
            # Keras only warns of some layers that the file does not have.
            warnings.filterwarnings("error", message="Skipping nested", category=UserWarning)
            network.load_weights(file)
    # What Keras and h5py raise for files that are no HDF5 or belong to another network.
    except (OSError, ValueError, LookupError, TypeError, AttributeError, UserWarning) as err:
        reason = str(err).strip().split("\n")[0][:300]
        raise ArtifactError(
            f"Expected weights of {name} without its classifier in {file}, got: {reason}. Save "
            f"them with keras.applications.{name}(include_top=False, ...).save_weights(FILE)."
        ) from err
    return network


def _imagenet(name: str) -> keras.Model:
    if is_offline() and not _is_cached(name):
        raise OfflineError(
            f"Expected the ImageNet weights of {PREFIX}{name} in {_cache()}, found none, and "
            f"EMBEDSVC_OFFLINE forbids fetching them. On a connected machine run: python -c "
            f'"import keras; keras.applications.{name}(include_top=False)"; then copy the file '
            f"that appears in that folder there to the one here. Or name a weights file: "
            f"{PREFIX}{name}@FILE.weights.h5"
        )
    try:
        # Keras draws its progress bar on stdout, which is kept for results.
        with redirect_stdout(sys.stderr or io.StringIO()):
            return _build(name, "imagenet")
    except (OSError, http.client.HTTPException, ValueError) as err:
        raise _not_fetched(name, err) from err
    except Exception as err:
        # A failed download is a bare Exception in Keras; its subclasses are something else.
        if type(err) is not Exception:
            raise
        raise _not_fetched(name, err) from err


def _not_fetched(name: str, err: Exception) -> WeightsError:
    reason = str(err).strip().split("\n")[0].rstrip(".")[:300]
    return WeightsError(
        f"Expected to download the ImageNet weights of {PREFIX}{name}, got: {reason}. Check the "
        f"network and the space in {_cache()}, or name a weights file: "
        f"{PREFIX}{name}@FILE.weights.h5"
    )


def _cache() -> Path:
    """The folder that Keras looks in, which it does not tell: see `keras.utils.get_file`."""
    folder = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    if not os.access(folder, os.W_OK):
        folder = Path("/tmp" if Path("/tmp").is_dir() else tempfile.gettempdir(), ".keras")
    return folder / "models"


def _is_cached(name: str) -> bool:
    # "resnet50_weights_..._notop.h5" is ResNet50's, "resnet50v2_weights_..._notop.h5" is not.
    own = re.compile(rf"(weights)?{name.lower()}(?!v\d).*notop(v\d)?h5")
    return any(own.fullmatch(_plain(file.name)) for file in _cache().glob("*.h5"))


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _sha256(network: keras.Model) -> str:
    digest = hashlib.sha256()
    for array in network.get_weights():
        digest.update(array.tobytes())
    return digest.hexdigest()
