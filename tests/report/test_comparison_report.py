"""The page that compares detectors, as text."""

import re

import pytest
from made_reports import NASTY, made_comparison, made_row

from embedsvc.errors import InputError
from embedsvc.report.comparison_report import (
    Judgement,
    Miss,
    render_comparison_report,
    write_comparison_report,
)


def table_of(page):
    """The cells of the table of detectors, as text without tags."""
    rows = re.findall(r"<tr.*?</tr>", page.partition("</table>")[0], re.DOTALL)
    cells = [re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL) for row in rows]
    return [[" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in row] for row in cells]


def test_the_table():
    page = render_comparison_report(made_comparison())
    head, *rows = table_of(page)
    assert head[:3] == ["Detector", "Image AUROC", "Average precision"]
    assert [row[0] for row in rows] == ["patchcore 8,000 patches", "gaussian", "hog baseline"]
    assert rows[0][1:] == [
        "0.910 0.880 to 0.930",
        "0.800",
        "0.700",
        "6.2 % 3 to 10",
        "0.930",
        "0.800",
        "12 s",
        "33 ms",
        "5.0 MB",
    ]
    assert rows[1][5:7] == ["–", "–"]
    assert re.findall(r'class="n best">([\d.]+)', page)[0] == "0.910"
    assert '<tr class="baseline">' in page


def test_columns_that_hold_nothing_are_left_out():
    head, *_ = table_of(render_comparison_report(made_comparison(rows=[made_row("hog", 0.7)])))
    assert "Pixel AUROC" not in head
    assert "AUPRO" not in head


def test_what_else_the_page_says():
    page = render_comparison_report(made_comparison(warnings=["Near-duplicates."]))
    assert "<h1>Use patchcore.</h1>" in page
    assert "Near-duplicates." in page
    assert "70 normal, 30 anomalous" in page
    assert page.count('class="chart"') == 4
    assert "<script" not in page


def test_misses_side_by_side():
    page = render_comparison_report(
        made_comparison(
            misses=[
                Miss("bad.png", 1, "crack", None, {"hog": Judgement(9, False)}),
                Miss("good.png", 0, None, None, {"hog": Judgement(1, True)}),
                Miss("fine.png", 0, "good", None, {"gaussian": Judgement(99, False)}),
                Miss("found.png", 1, None, None, {"gaussian": Judgement(1000, True)}),
            ]
        )
    )
    misses = page.partition('id="misses"')[2].split("<article")[1:]
    for miss, said in zip(
        misses,
        [
            ("✕ Missed", "crack", "rank 9", "no heat map", "no picture"),
            ("✕ False alarm", "labelled normal"),
            ("✓ Normal", "good"),
            ("✓ Found", "rank 1,000", "labelled anomalous"),
        ],
        strict=True,
    ):
        assert all(text in miss for text in said)
    assert "gaussian" not in misses[0]
    picture = render_comparison_report(made_comparison()).partition('id="misses"')[2]
    assert picture.count('<img src="data:image/jpeg;base64,') == 2


def test_no_detectors_and_no_curves():
    empty = render_comparison_report(made_comparison(rows=[], roc={}, misses=[]))
    assert "All detectors" not in empty
    page = render_comparison_report(made_comparison(roc={}))
    assert "ROC curves</h2>" not in page
    assert page.count('class="chart"') == 2


def test_untrusted_names_stay_text():
    miss = Miss(NASTY, 1, NASTY, None, {NASTY: Judgement(1, True)})
    row = made_row(NASTY, 0.9, note=NASTY)
    rates = made_comparison().roc["hog"]
    page = render_comparison_report(
        made_comparison(
            title=NASTY,
            dataset=NASTY,
            verdict=NASTY,
            warnings=[NASTY],
            rows=[row],
            roc={NASTY: rates},
            misses=[miss],
        )
    )
    assert "<script" not in page


def test_figures_that_are_none():
    with pytest.raises(InputError, match="Expected a finite AUROC"):
        render_comparison_report(made_comparison(rows=[made_row("x", float("nan"))]))


def test_writing(tmp_path):
    path = write_comparison_report(made_comparison(), tmp_path / "new")
    assert path == tmp_path / "new" / "report.html"
    assert "Use patchcore." in path.read_text(encoding="utf-8")
