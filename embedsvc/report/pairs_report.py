"""The page on how well points are found again: by a descriptor, and by what it has to beat."""

from __future__ import annotations

from pathlib import Path

from embedsvc.errors import InputError
from embedsvc.images.decode import decode_image
from embedsvc.pairs.pairs_evaluation import PairsEvaluation
from embedsvc.report.accuracy_chart import accuracy_chart
from embedsvc.report.curves import curve_chart
from embedsvc.report.epochs import loss_series, measure_series, penalty_series
from embedsvc.report.page import PAGE_NAME, render_page, write_page
from embedsvc.report.pairs_data import PairsReport
from embedsvc.report.pairs_tables import format_ms, means_table, ranked, sequence_cells, worst_pairs
from embedsvc.report.pairs_words import best_baseline, how_measured, lead, verdict
from embedsvc.report.pictures import thumbnail_jpeg
from embedsvc.report.shown_text import shown, shown_label

__all__ = ["PairsReport", "render_pairs_report", "write_pairs_report"]

_WIDTHS = {"wide": 760, "narrow": 360}
_CURVE_WIDTHS = {"wide": 560, "narrow": 360}
_PICTURE_SIDE = 2400  # pixels
_MOST_CHARTS = 4  # sequences that have a chart each; of more there is the table


def write_pairs_report(report: PairsReport, folder: Path) -> Path:
    """Write the page as `report.html` into a folder, made if need be, and return its path.

    Raises:
        InputError: a model that is named was not measured, or the picture cannot be read.
        OutputError: it cannot be written.
    """
    page = render_pairs_report(report)
    write_page(folder / PAGE_NAME, page)
    return folder / PAGE_NAME


def render_pairs_report(report: PairsReport) -> str:
    """The page as one self-contained text of HTML.

    Raises:
        InputError: a model that is named was not measured, or the picture cannot be read.
    """
    evaluation = report.evaluation
    _check(report)
    models = ranked(evaluation)
    head, rows = means_table(evaluation)
    mean = evaluation.mean(report.main)
    context = {
        "report": report,
        "title": shown_label(report.title, 200),
        "verdict": verdict(report),
        "lead": lead(report),
        "main": report.main,
        "mean": mean,
        "ms": format_ms(mean.ms),
        "limit": f"{evaluation.main_threshold:g}",
        "n_points": sum(row.n_measured for row in evaluation.of(report.main)),
        "head": head,
        "rows": [(model, _about(report, model), cells) for model, cells in rows],
        "models": models,
        "sequences": [
            (shown_label(name), n, sequence_cells(evaluation, models, name))
            for name, n in evaluation.sequences.items()
        ],
        "overall": sequence_cells(evaluation, models, None),
        "how_measured": how_measured(evaluation),
        "charts": _charts(evaluation, report.main),
        "rivals": _rivals(report),
        "worst": worst_pairs(evaluation, _rivals(report)),
        "curves": _curves(report),
        "settings": {shown_label(k): shown_label(v, 300) for k, v in report.settings.items()},
        "notes": [shown(text) for text in report.notes],
        "picture": _lighter(report.match_picture),
        "name": shown_label,
    }
    styles = ("comparison.css", "training.css", "pairs.css")
    return render_page("pairs.html.j2", context, styles=styles, scripts=("training.js",))


def _check(report: PairsReport) -> None:
    models = report.evaluation.models
    for name in (report.main, report.untrained):
        if name is not None and name not in models:
            raise InputError(
                f"Expected one of the measured models {', '.join(models)}, got {name!r}. Measure "
                "it, too."
            )


def _lighter(picture: bytes | None) -> bytes | None:
    """A picture of photographs as JPEG: a page opens the sooner for the megabytes it has not."""
    if picture is None:
        return None
    try:
        return thumbnail_jpeg(decode_image(picture), _PICTURE_SIDE)
    except InputError as err:
        raise InputError(f"The picture of matches: {err}") from err


def _about(report: PairsReport, model: str) -> str:
    """What stands below the name of a model in the table."""
    if model == report.untrained:
        return "not trained on pairs"
    name = report.evaluation.names[model]
    # A folder's own name is the end of its path.
    return "" if model.lower().endswith(name.lower()) else shown_label(name)


def _rivals(report: PairsReport) -> list[str]:
    """The model the page is about, the untrained one and the best baseline."""
    found = [report.main, report.untrained, best_baseline(report)]
    return list(dict.fromkeys(one for one in found if one is not None))


def _charts(evaluation: PairsEvaluation, main: str) -> list[dict[str, str]]:
    """The curves of the means, and those of each sequence where these are few."""
    several = 1 < len(evaluation.sequences) <= _MOST_CHARTS
    shown_ones: list[str | None] = [None, *(evaluation.sequences if several else ())]
    charts = []
    for sequence in shown_ones:
        figures = {model: evaluation.mean(model, sequence) for model in ranked(evaluation)}
        about = "Points found" + (f", {shown_label(sequence)}" if sequence is not None else "")
        widths = _WIDTHS if sequence is None else {"wide": 440, "narrow": 360}
        charts.append(
            {
                size: accuracy_chart(
                    evaluation.thresholds,
                    {model: list(one.accuracy.values()) for model, one in figures.items()},
                    main=main,
                    about=about,
                    width=width,
                    has_legend=sequence is None,
                )
                for size, width in widths.items()
            }
        )
    return charts


def _curves(report: PairsReport) -> list[dict[str, str]]:
    """How the training went; one epoch makes no curve."""
    if len(report.history) < 2:
        return []
    epochs = [record.epoch for record in report.history]
    charts = [
        ("Loss", loss_series(report.history)),
        ("Validation measures", measure_series(report.history)),
        ("Penalties", penalty_series(report.history)),
    ]
    best = report.best_epoch
    return [
        {
            size: curve_chart(epochs, series, best_epoch=best, about=name, width=width)
            for size, width in _CURVE_WIDTHS.items()
        }
        for name, series in charts
        if series
    ]
