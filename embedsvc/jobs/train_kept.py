"""What a training keeps while it runs, beside its output: for whoever stops it, or the next run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from embedsvc.errors import ArtifactError, OutputError, ResumeError
from embedsvc.extract.folder import reason_of
from embedsvc.jobs.train_output import checkpoint_folder, difference
from embedsvc.nets.training_state import TrainingState
from embedsvc.store.checkpoints import CHECKPOINT, CheckpointFolder
from embedsvc.store.fields import read_object

Tell = Callable[[str], None]


def silent(line: str) -> None:
    """Tell nobody."""
    del line


class Wishes(Protocol):
    """How a training is run."""

    @property
    def overwrite(self) -> bool:
        """Whether what another training left is forgotten."""
        ...


class Training(Protocol):
    """What is known of a training."""

    @property
    def output(self) -> Path:
        """The folder it makes."""
        ...

    @property
    def settings(self) -> dict[str, Any]:
        """All that the model depends on, as JSON values."""
        ...

    @property
    def options(self) -> Wishes:
        """How it is run."""
        ...


class Kept:
    """The checkpoints of a training, and how many epochs are safe in them.

    Args:
        plan: the training.
        tell: called with a line for people when an earlier run is continued.
        noun: what is trained.
        keeps_none: which trainings have no checkpoints, a sentence or "".

    Attributes:
        n_epochs: epochs that are safe.
        path: the folder of the checkpoint.
    """

    def __init__(
        self,
        plan: Training,
        tell: Tell = silent,
        *,
        noun: str = "classifier",
        keeps_none: str = "A head on a frozen encoder is trained in one go and keeps none.",
    ) -> None:
        self._tell, self._noun, self._keeps_none = tell, noun, keeps_none
        self.n_epochs = 0
        self.path = checkpoint_folder(plan.output)
        self._overwrite = plan.options.overwrite
        self._folder = CheckpointFolder(self.path, plan.settings)
        self._settings = plan.settings

    def check(self, *, resume: bool) -> None:
        """Compare what an earlier run left with this one, without loading or changing it.

        Args:
            resume: whether there has to be something to continue.

        Raises:
            ResumeError: it is of another training, or there is nothing to resume.
        """
        if not self._folder.exists():
            if resume:
                why = f" {self._keeps_none}" if self._keeps_none else ""
                raise ResumeError(
                    f"Expected a training to continue in {self.path.parent}, got none.{why} Leave "
                    "--resume out."
                )
            return
        change = self._change()
        if change is not None and not self._overwrite:
            raise ResumeError(
                f"Expected the same training as the one that left {self.path.parent}, but "
                f"{change}. Run with the data and settings of before to continue it, or add "
                "--overwrite to start again."
            )

    def take_over(self, *, resume: bool) -> None:
        """As `check`; and forget what is of another training, where that is wanted."""
        self.check(resume=resume)
        if self._folder.exists() and self._change() is not None:
            self._folder.remove()

    def _change(self) -> str | None:
        """What is not as in the earlier run, as a clause; None where all is."""
        try:
            about = read_object(self.path / CHECKPOINT)
            change = difference(dict(about["settings"]), self._settings)
            self.n_epochs = len(about["facts"]["history"]) if change is None else 0
        except (ArtifactError, KeyError, TypeError, ValueError) as err:
            return f"its checkpoint is broken ({err})"
        return change

    def load(self) -> TrainingState | None:
        """The state after the last epoch, or None."""
        try:
            state = self._folder.load()
        except ArtifactError:
            if not self._overwrite:
                raise
            self._folder.remove()
            return None
        if state is not None:
            self.n_epochs = len(state.facts["history"])
            self._tell(f"Continuing after epoch {self.n_epochs} of the run before")
        return state

    def save(self, state: TrainingState) -> None:
        """Keep the state after an epoch."""
        self._folder.save(state)
        self.n_epochs = len(state.facts["history"])

    def remove_unless_used(self) -> None:
        """Leave nothing behind where nothing was kept."""
        if not self._folder.exists():
            shutil.rmtree(self.path.parent, ignore_errors=True)

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Say to whoever stops here, or where the disk is full, what is kept and how to go on."""
        try:
            yield
        except KeyboardInterrupt as err:
            raise KeyboardInterrupt(
                f"{self._safe()}Run the same command again to {self._go_on()}."
            ) from err
        except OutputError as err:
            raise OutputError(f"{err} {self._safe()}".rstrip()) from err
        except OSError as err:
            raise OutputError(
                f"Expected to write the {self._noun}, but {reason_of(err)}. {self._safe()}Make "
                f"room for it and run the same command again to {self._go_on()}."
            ) from err

    def _safe(self) -> str:
        if not self.n_epochs:
            return ""
        epochs = (
            "1 finished epoch is" if self.n_epochs == 1 else f"{self.n_epochs} finished epochs are"
        )
        return f"{epochs} safe in {self.path.parent}. "

    def _go_on(self) -> str:
        return "continue" if self.n_epochs else "begin anew: nothing was finished yet"
