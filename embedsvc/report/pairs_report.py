"""The page on how well points are found again: by a descriptor, and by what it has to beat."""

from __future__ import annotations

from pathlib import Path

from embedsvc.report.page import PAGE_NAME, render_page, write_page
from embedsvc.report.pairs_data import PairsReport

__all__ = ["PairsReport", "render_pairs_report", "write_pairs_report"]


def write_pairs_report(report: PairsReport, folder: Path) -> Path:
    """Write the page as `report.html` into a folder, made if need be, and return its path.

    Raises:
        InputError: `main` was not measured, or the picture is no PNG.
        OutputError: it cannot be written.
    """
    page = render_pairs_report(report)
    write_page(folder / PAGE_NAME, page)
    return folder / PAGE_NAME


def render_pairs_report(report: PairsReport) -> str:
    """The page as one self-contained text of HTML.

    Raises:
        InputError: `main` was not measured, or the picture is no PNG.
    """
    return render_page("pairs.html.j2", {"title": report.title, "report": report})
