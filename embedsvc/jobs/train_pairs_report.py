"""The page on a training on pairs, and the picture of matches in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from embedsvc.jobs.train_pairs_measures import Measured, draw_before_and_after
from embedsvc.jobs.train_pairs_output import MATCHES
from embedsvc.jobs.train_pairs_plan import PairTrainPlan
from embedsvc.jobs.train_pairs_result import TRAINED
from embedsvc.pairs.baselines import BASELINES
from embedsvc.pairs.pipeline import CropOptions
from embedsvc.pairs.point_descriptor import PointDescriptor
from embedsvc.pairs.views import Views
from embedsvc.report.pairs_data import PairsReport
from embedsvc.report.pairs_report import write_pairs_report


def write_pages(
    plan: PairTrainPlan,
    descriptor: PointDescriptor,
    measured: Measured,
    folder: Path,
    *,
    notes: Sequence[str],
) -> None:
    """Write `matches.png` and `report.html` into a folder.

    Args:
        plan: the training.
        descriptor: trained.
        measured: what it reached.
        folder: stands already.
        notes: what came up in training.

    Raises:
        OutputError: they cannot be written.
    """
    picture = folder / MATCHES
    caption = draw_before_and_after(measured, descriptor, picture)
    report = PairsReport(
        title=plan.label,
        evaluation=measured.evaluation,
        main=TRAINED,
        untrained=descriptor.backbone,
        baselines=tuple(BASELINES),
        history=descriptor.history_,
        best_epoch=descriptor.best_epoch_,
        settings=settings_shown(plan, descriptor),
        notes=[*plan.lines(), *plan.notes(), *notes],
        match_picture=picture.read_bytes(),
        match_caption=caption,
    )
    write_pairs_report(report, folder)


def settings_shown(plan: PairTrainPlan, descriptor: PointDescriptor) -> dict[str, str]:
    """What the training was asked for and what was left to itself, in words."""
    crop, views = descriptor.crop or CropOptions(), descriptor.views or Views()
    of_loss = (
        f"temperature {descriptor.temperature:g}"
        if descriptor.loss == "infonce"
        else f"margin {descriptor.margin:g}"
    )
    penalties = descriptor.activity_penalties or {}
    shown = {
        "network": str(descriptor.backbone),
        "components": f"{descriptor.dim:,}",
        "loss": f"{descriptor.loss}, {of_loss}, safe radius {descriptor.safe_radius:g} px",
        "epochs": f"at most {descriptor.epochs:,}, {descriptor.steps_per_epoch:,} batches each",
        "batch": f"{descriptor.batch_size:,} pairs",
        "crops": f"{crop.size:,} x {crop.size:,} px, {crop.points:,} points",
        "warps": (
            f"turned up to {crop.warp.rotation:g} degrees, enlarged up to {crop.warp.scale:g} "
            f"times, perspective up to {crop.warp.perspective:g}"
        ),
        "learning rate": (
            f"{descriptor.learning_rate:g}, of the backbone {descriptor.backbone_rate:g} of it"
        ),
        "views": (
            f"{views.n}: turned by {_listed(views.rotations)} degrees at {_listed(views.scales)} "
            "times the size"
        ),
        "held out": f"{plan.options.validation:g} of what there is",
        "seed": f"{descriptor.seed}",
    }
    if penalties:
        shown["penalties"] = ", ".join(f"{layer} {one}" for layer, one in penalties.items())
    return shown


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
