"""Trained descriptors on the disk: a folder of settings in JSON and weights in safetensors.

    FOLDER/
      model.json              format, network, views, settings, how it came about
      weights.safetensors     of the tower and of the projection

Neither can run code. Whatever is read is checked before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from embedsvc import __version__
from embedsvc.encoders.descriptor_folder import descriptor_arrays, read_descriptor_network
from embedsvc.encoders.descriptor_layout import DESCRIPTOR, DESCRIPTOR_FILE, WEIGHTS_FILE
from embedsvc.errors import ArtifactError, InputError, NotFittedError
from embedsvc.pairs.photometric import PhotometricOptions
from embedsvc.pairs.pipeline import CropOptions
from embedsvc.pairs.point_descriptor import PointDescriptor
from embedsvc.pairs.views import Views
from embedsvc.pairs.warps import WarpOptions
from embedsvc.settings import from_json, setting_types, to_json
from embedsvc.store.arrays import write_arrays
from embedsvc.store.fields import Fields, short, write_object
from embedsvc.store.manifest import check_file, describe_file, read_manifest
from embedsvc.store.places import write_folder

FORMAT = 1
NAMES = (DESCRIPTOR_FILE, WEIGHTS_FILE)

_CURE = "Copy both files again, or train the descriptor again."


def save_descriptor(
    descriptor: PointDescriptor,
    folder: Path | str,
    *,
    extra: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Save a fitted descriptor as a folder.

    It is written beside its place and then renamed, so that a crash leaves all of it or nothing.
    Settings that are functions are left out; model.json names them.

    Args:
        descriptor: what to save.
        folder: where it will stand; made with its parents, and has to be new or empty.
        extra: anything of one's own that JSON can hold, kept in model.json.
        overwrite: whether a descriptor saved there before is replaced. Folders that hold anything
            else never are.

    Raises:
        NotFittedError: it has learned nothing.
        InputError: `extra` is no JSON or too large.
        ArtifactError: it has learned numbers that are not finite.
        OutputError: the folder is in use or cannot be written.

    Example:
        >>> save_descriptor(PointDescriptor().fit(source), "facades")
        >>> load_descriptor("facades").describe(image, points)
    """
    if not descriptor.__sklearn_is_fitted__():
        raise NotFittedError("Expected a fitted PointDescriptor, got one that has learned nothing.")
    write_folder(
        Path(folder),
        lambda fresh: write_descriptor(descriptor, fresh, extra=extra),
        what=DESCRIPTOR,
        names=NAMES,
        overwrite=overwrite,
    )


def write_descriptor(
    descriptor: PointDescriptor, folder: Path, *, extra: Mapping[str, Any] | None = None
) -> None:
    """Write the files of `save_descriptor` into a folder that stands already."""
    network = descriptor.network_
    write_arrays(folder / WEIGHTS_FILE, dict(descriptor_arrays(network)))
    settings, left_out = _split_settings(descriptor)
    about = {
        "format": FORMAT,
        "what": DESCRIPTOR,
        "embedsvc": __version__,
        "network": {
            "backbone": descriptor.backbone,
            "taps": list(network.shapes),
            "dim": network.dim,
        },
        "settings": settings,
        "left_out": left_out,
        "n_epochs": len(descriptor.history_),
        "best_epoch": descriptor.best_epoch_,
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "weights": describe_file(folder / WEIGHTS_FILE),
        "extra": dict(extra or {}),
    }
    write_object(folder / DESCRIPTOR_FILE, about)


def load_descriptor(folder: Path | str) -> PointDescriptor:
    """Load a saved descriptor, ready to describe; nothing is fetched.

    Args:
        folder: made by `save_descriptor`; it may come from anywhere.

    Returns:
        A descriptor that gives the vectors of the one that was saved.

    Raises:
        ArtifactError: the folder is no descriptor, or is broken.
    """
    folder = Path(folder)
    fields = _read_fields(folder)
    check_file(folder / WEIGHTS_FILE, fields.table("weights"), cure=_CURE)
    descriptor = _make(fields.table("settings"))
    network = read_descriptor_network(folder)
    descriptor.history_ = ()
    descriptor.best_epoch_ = fields.take("best_epoch", int)
    left_out = fields.take("left_out", list)
    descriptor.notes_ = (
        (f"These settings are functions and were not saved: {short(left_out)}.",)
        if left_out
        else ()
    )
    descriptor.name_ = folder.resolve().name
    descriptor.set_network(network)
    return descriptor


def read_descriptor_about(folder: Path | str) -> dict[str, Any]:
    """Read what model.json says of a descriptor, without loading it.

    Returns:
        Its fields; only "format" and "what" are checked.

    Raises:
        ArtifactError: the folder is no descriptor, or one of a newer version of embedsvc.
    """
    return _read_fields(Path(folder)).values


def _read_fields(folder: Path) -> Fields:
    return read_manifest(
        folder / DESCRIPTOR_FILE,
        what=DESCRIPTOR,
        newest=FORMAT,
        noun="descriptor",
        beside=WEIGHTS_FILE,
    )


def _split_settings(descriptor: PointDescriptor) -> tuple[dict[str, Any], list[str]]:
    """Settings as JSON has them, and the names of those it cannot hold."""
    settings: dict[str, Any] = {}
    left_out = []
    for name, value in descriptor.get_params(deep=False).items():
        inside = value.values() if isinstance(value, Mapping) else [value]
        if any(callable(one) for one in inside):
            left_out.append(name)
        elif isinstance(value, (CropOptions, Views)):
            settings[name] = to_json(asdict(value))
        else:
            settings[name] = to_json(value)
    return settings, left_out


def _make(fields: Fields) -> PointDescriptor:
    """The descriptor with its settings, nothing learned yet."""
    known = setting_types(PointDescriptor)
    unknown = sorted(set(fields.values) - set(known))
    if unknown:
        raise ArtifactError(
            f"Expected settings of a descriptor in {fields.path}, got {short(unknown)}. Update "
            "embedsvc, or train the descriptor again."
        )
    values: dict[str, Any] = {}
    for name, hint in known.items():
        if name not in fields.values:
            continue
        if name == "views":
            values[name] = _views(fields)
        elif name == "crop":
            values[name] = _crop(fields)
        else:
            values[name] = from_json(fields.values[name], hint)
    try:
        descriptor = PointDescriptor(**values)
        descriptor.check_settings()
    except (InputError, TypeError) as err:
        raise ArtifactError(f"{fields.path}: {err} {_CURE}") from err
    return descriptor


def _views(fields: Fields) -> Views | None:
    if fields.values["views"] is None:
        return None
    views = fields.table("views")
    found: Views = _checked(
        fields,
        Views,
        rotations=tuple(map(float, views.take("rotations", Sequence[float]))),
        scales=tuple(map(float, views.take("scales", Sequence[float]))),
    )
    return found


def _crop(fields: Fields) -> CropOptions | None:
    if fields.values["crop"] is None:
        return None
    crop = fields.table("crop")
    parts = {
        name: _checked(fields, kind, **_numbers(crop.table(name), kind))
        for name, kind in (("warp", WarpOptions), ("light", PhotometricOptions))
    }
    whole = {name: crop.take(name, int) for name in ("size", "points")}
    found: CropOptions = _checked(fields, CropOptions, **whole, **parts)
    return found


def _numbers(fields: Fields, kind: type) -> dict[str, float]:
    return {name: float(fields.take(name, float)) for name in setting_types(kind)}


def _checked(fields: Fields, kind: type, **values: Any) -> Any:
    try:
        return kind(**values)
    except InputError as err:
        raise ArtifactError(f"{fields.path}: {err} {_CURE}") from err
