"""A training's state on the disk, so that a killed training goes on where it was.

    FOLDER/
      checkpoint.json       format, settings of the training, facts, which file holds the arrays
      a.safetensors         the arrays; the next save goes to b.safetensors, and so in turn

A save is done at the moment when checkpoint.json is renamed into place. Whatever happens before
it, the state of the save before is whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from embedsvc import __version__
from embedsvc.errors import ArtifactError, OutputError, ResumeError
from embedsvc.nets.training_state import TrainingState
from embedsvc.settings import to_json
from embedsvc.store.arrays import read_arrays, write_arrays
from embedsvc.store.fields import read_object, short, write_object
from embedsvc.store.manifest import check_file, describe_file, read_manifest

FORMAT = 1
WHAT = "training-checkpoint"
CHECKPOINT, ARRAYS = "checkpoint.json", ("a.safetensors", "b.safetensors")


class CheckpointFolder:
    """Keeps the latest state of one training.

    Args:
        folder: made with its parents at the first save.
        settings: what the training depends on: its options, and a digest of its data. JSON. A
            state of other settings is never gone on from.

    Example:
        >>> checkpoints = CheckpointFolder(Path("run"), {"epochs": 4, "texts": sha256})
        >>> classifier.fit(texts, labels, checkpoints=checkpoints)
        >>> checkpoints.remove()
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self._settings: dict[str, Any] = to_json(settings)

    def exists(self) -> bool:
        """Whether there is a state, of this training or of another."""
        return (self.folder / CHECKPOINT).is_file()

    def load(self) -> TrainingState | None:
        """The latest state, or None where there is none.

        Raises:
            ResumeError: it is of a training with other settings.
            ArtifactError: it is damaged, or of a newer version of embedsvc.
        """
        if not self.exists():
            return None
        path = self.folder / CHECKPOINT
        cure = f"Remove {self.folder} to train from the beginning."
        fields = read_manifest(
            path, what=WHAT, newest=FORMAT, noun="checkpoint", beside=" or ".join(ARRAYS)
        )
        self._check_settings(fields.take("settings", dict))
        name = fields.take("arrays", str)
        if name not in ARRAYS:
            fields.refuse("arrays", f"one of {', '.join(ARRAYS)}", name)
        check_file(self.folder / name, fields.table("file"), cure=cure)
        return TrainingState(read_arrays(self.folder / name), fields.take("facts", dict))

    def save(self, state: TrainingState) -> None:
        """Keep a state in place of the one before.

        Raises:
            InputError: its facts are no JSON.
            ArtifactError: its arrays are of other types, or not finite.
            OutputError: it cannot be written.
        """
        before = self._current()
        name = ARRAYS[1 - ARRAYS.index(before)] if before in ARRAYS else ARRAYS[0]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_arrays(self.folder / name, dict(state.arrays))
            about = {
                "format": FORMAT,
                "what": WHAT,
                "embedsvc": __version__,
                "settings": self._settings,
                "facts": state.facts,
                "arrays": name,
                "file": describe_file(self.folder / name),
            }
            write_object(self.folder / CHECKPOINT, about, suspect="facts and settings")
            self._tidy(keep=(CHECKPOINT, name))
        except OSError as err:
            raise OutputError(
                f"Expected to keep the training's state in {self.folder}, got: "
                f"{err.strerror or err}. Cure that, then go on from the state before."
            ) from err

    def remove(self) -> None:
        """Remove the state, and the folder where nothing else is in it.

        Raises:
            OutputError: it cannot be removed.
        """
        try:
            # Without checkpoint.json the rest counts for nothing, so it goes first.
            (self.folder / CHECKPOINT).unlink(missing_ok=True)
            self._tidy(keep=())
            if self.folder.is_dir() and not any(self.folder.iterdir()):
                self.folder.rmdir()
        except OSError as err:
            raise OutputError(
                f"Expected to remove the training's state in {self.folder}, got: "
                f"{err.strerror or err}. Remove the folder by hand."
            ) from err

    def _current(self) -> object:
        """The name of the arrays that must not be overwritten."""
        try:
            return read_object(self.folder / CHECKPOINT).get("arrays")
        except ArtifactError:
            return None

    def _tidy(self, *, keep: tuple[str, ...]) -> None:
        """Remove what was replaced, and what killed saves have left."""
        for name in (CHECKPOINT, *ARRAYS):
            for leftover in self.folder.glob(f".{name}.*.partial"):
                leftover.unlink(missing_ok=True)
            if name not in keep:
                (self.folder / name).unlink(missing_ok=True)

    def _check_settings(self, saved: dict[str, Any]) -> None:
        found = list(_differences(saved, self._settings))
        if found:
            name, before, now = found[0]
            more = f" {len(found) - 1} more settings differ." if len(found) > 1 else ""
            raise ResumeError(
                f"Expected the training in {self.folder} to go on with {name} = {short(before)}, "
                f"as it began, got {short(now)}.{more} Use the settings it began with, or remove "
                f"{self.folder} to train from the beginning."
            )


def _differences(
    saved: Mapping[str, Any], now: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, object, object]]:
    """Settings that differ, as (name, saved value, value now); those of tables by dotted name."""
    for name in sorted(saved.keys() | now.keys()):
        before, after = saved.get(name), now.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differences(before, after, f"{prefix}{name}.")
        # As JSON has them, True and 1 differ.
        elif (type(before), before) != (type(after), after):
            yield f"{prefix}{name}", before, after
