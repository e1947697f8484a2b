"""Add batches: look up what is there, make what is missing, write, and only then say it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from embedsvc.collection.batches import Batch
from embedsvc.collection.layout import content_column
from embedsvc.collection.makers import Made, Maker
from embedsvc.collection.planning import Plan, Written, plan_batch, rows_to_write, to_table
from embedsvc.collection.store import Store
from embedsvc.collection.survey import Survey
from embedsvc.collection.tending import tend, tend_meanwhile
from embedsvc.errors import InputError
from embedsvc.extract.missing import ON_ERROR
from embedsvc.extract.rejects import defect
from embedsvc.extract.rows import Reject


@dataclass(frozen=True)
class Added:
    """What an addition did.

    Attributes:
        new: rows that were not there.
        changed: rows whose text, image or vector is another one now.
        relabelled: rows whose columns alone changed; they were not encoded again.
        unchanged: rows that were there already; nothing was done for them.
        repeated: texts that came again within the input, and are the same row.
        rejects: defects that were skipped.
        seconds: wall time, model loading included.
    """

    new: int = 0
    changed: int = 0
    relabelled: int = 0
    unchanged: int = 0
    repeated: int = 0
    rejects: int = 0
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """The rows of the input that the collection has now."""
        return self.new + self.changed + self.relabelled + self.unchanged


@dataclass(frozen=True)
class AddOptions:
    """How rows are added.

    Attributes:
        on_error: "error" stops at the first defect, "skip" leaves it out.
        on_reject: called with each defect that is left out.
        advance: called with the number of rows of each batch, once it is written for good.
    """

    on_error: str = "error"
    on_reject: Callable[[Reject], None] = field(default=lambda reject: None)
    advance: Callable[[int], None] = field(default=lambda count: None)

    def __post_init__(self) -> None:
        if self.on_error not in ON_ERROR:
            raise InputError(f"Expected on_error to be one of {ON_ERROR}, got {self.on_error!r}.")


def add_batches(
    store: Store,
    batches: Iterator[Batch],
    maker: Maker,
    columns: Mapping[str, pa.DataType] | Survey,
    options: AddOptions,
) -> Added:
    """Add rows, a batch a commit.

    What stands in a batch before a defect is written, and so are all batches before it.

    Args:
        store: the table, there or not.
        batches: the rows.
        maker: gives their vectors.
        columns: the types of the user's columns; or a survey, where the input can be read only
            once, that takes the first batch for all.
        options: how they are added.

    Raises:
        InputError: a defect in the input, unless they are skipped.
        ArtifactError: the model gave NaN, or the table is broken.
        OutputError: the disk is full or not writable. What was acknowledged is kept.
        KeyboardInterrupt: as it came, with a message about what is kept.
    """
    run = _Run(store, maker, columns, options)
    start = time.perf_counter()
    try:
        for plan, made in maker.make(run.plans(batches)):
            run.finish(plan, made)
    except KeyboardInterrupt as err:
        raise KeyboardInterrupt(
            f"{run.added.rows:,} rows are in {store.label}. Run the same command again to continue."
        ) from err
    if run.stopped is not None:
        raise run.stopped
    if run.added.new + run.added.changed + run.added.relabelled:
        tend(store)
    return replace(run.added, seconds=time.perf_counter() - start)


class _Run:
    """One addition under way."""

    def __init__(
        self,
        store: Store,
        maker: Maker,
        columns: Mapping[str, pa.DataType] | Survey,
        options: AddOptions,
    ) -> None:
        self._store = store
        self._maker = maker
        self._columns = columns
        self._options = options
        self._is_there = store.is_there()
        self._is_prepared = False
        self._n_commits = 0
        self.added = Added()
        self.stopped: InputError | None = None

    def plans(self, batches: Iterator[Batch]) -> Iterator[Plan]:
        """What is to be done for each batch; a defect ends them, and is told later."""
        try:
            for batch in batches:
                if batch.rejects and self._options.on_error == "error":
                    raise defect(batch.rejects[0])
                store = self._store if self._is_there else None
                yield plan_batch(batch, self._types(batch), store)
        except InputError as err:
            self.stopped = err

    def finish(self, plan: Plan, made: Made | None) -> None:
        """Write what came of a plan, and acknowledge it."""
        rejects = list(plan.batch.rejects)
        n_failed = 0
        if made is not None and (plan.make or plan.keep):
            written = rows_to_write(plan, made.vectors, made.failures)
            if written.rejects and self._options.on_error == "error":
                raise defect(written.rejects[0])
            rejects += written.rejects
            n_failed = len(written.rejects)
            self._write(plan, written)
        elif plan.keep:
            self._write(plan, _kept_alone(plan))
        for reject in rejects:
            self._options.on_reject(reject)
        self._count(plan, n_failed, len(rejects))
        self._options.advance(len(plan.batch.rows) + plan.batch.n_repeated + len(rejects))

    def _write(self, plan: Plan, written: Written) -> None:
        if not written.rows:
            return
        self._prepare(plan)
        content = content_column(self._store.metadata)
        self._store.put(to_table(plan, written, content))
        self._n_commits += 1
        tend_meanwhile(self._store, self._n_commits)

    def _prepare(self, plan: Plan) -> None:
        """Make the table, or the columns it does not have, before the first batch is written."""
        if self._is_prepared:
            return
        fields = [pa.field(one.name, one.type) for one in plan.columns.schema]
        if self._is_there:
            self._store.add_fields(fields)
        else:
            self._store.create(self._maker.metadata(), fields)
        self._is_there = self._is_prepared = True

    def _types(self, batch: Batch) -> Mapping[str, pa.DataType]:
        if isinstance(self._columns, Survey):
            self._columns.see([(row.columns, row.where) for row in batch.rows])
            self._columns = self._columns.types(seen_all=False)
        return self._columns

    def _count(self, plan: Plan, n_failed: int, n_rejects: int) -> None:
        before = self.added
        n_rows = len(plan.batch.rows)
        n_new = max(0, plan.n_new - n_failed)
        self.added = replace(
            before,
            new=before.new + n_new,
            changed=before.changed + len(plan.make) - n_failed - n_new,
            relabelled=before.relabelled + len(plan.keep),
            unchanged=before.unchanged + n_rows - len(plan.make) - len(plan.keep),
            repeated=before.repeated + plan.batch.n_repeated,
            rejects=before.rejects + n_rejects,
        )


def _kept_alone(plan: Plan) -> Written:
    return Written(list(plan.keep), np.array(list(plan.keep.values()), np.float32))


def no_rows(label: str, kind: str, n_rejects: int) -> InputError:
    """The error for an input without anything to add."""
    if not n_rejects:
        return InputError(f"Expected {kind} in {label}, got none. Check the input.")
    return InputError(
        f"Expected usable {kind} in {label}, got {n_rejects:,} defects and no {kind}."
    )
