"""The page about a training run, as text."""

import math
import re
from dataclasses import replace

import pytest
from made_reports import NASTY
from made_training import LAYER, made_history, made_measured, made_training

from embedsvc.errors import InputError
from embedsvc.report.training_data import Answer, Mistake
from embedsvc.report.training_report import render_training_report, write_training_report

LABELS = ["good", "bad", "so-so"]


def text_of(page):
    """What a reader sees, but for the texts of charts."""
    shown = page.partition("<body>")[2].partition('<script>"use strict"')[0]
    shown = re.sub(r"<(svg|title)\b.*?</\1>", " ", shown, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", shown).split())


def table_of(page, section):
    """The cells of the first table of a section, without tags."""
    part = page.partition(f'<section id="{section}"')[2].partition("</table>")[0]
    rows = re.findall(r"<tr.*?</tr>", part, re.DOTALL)
    cells = [re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL) for row in rows]
    return [[" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in row] for row in cells]


@pytest.fixture(scope="module")
def report():
    return made_training(
        LABELS,
        task="multiclass",
        weighted=True,
        history=made_history(6, penalties=True),
        notes=["The task is multiclass, because there are three labels."],
        warnings=["Label “so-so” has few texts."],
        trained_at="2026-01-02 03:04",
    )


@pytest.fixture(scope="module")
def page(report):
    return render_training_report(report)


def test_every_part_is_there(page):
    sections = re.findall(r'<section id="(\w+)"', page)
    assert sections == [
        *("curves", "quality", "confusion", "labels", "mistakes", "calibration"),
        *("balance", "run"),
    ]
    linked = set(re.findall(r'<a href="#(\w+)"', page))
    assert linked == set(sections)
    assert page.count('class="chart"') == 2 * 3 + 1 + 2


def test_what_it_says(page):
    said = text_of(page)
    for text in (
        "Label “so-so” has few texts.",
        "The task is multiclass, because there are three labels.",
        "A small BERT of 6 layers.",
        "384 numbers, mean pooling",
        "2026-01-02 03:04",
        "epoch 4 of 6 kept",
        "Class balance before and after weighting",
        "10 % of reviews.csv",
    ):
        assert text in said
    # Sentences beside each other keep their space.
    assert not re.search(r"[a-z]\.[A-Z]", said)


def test_tables(page, report):
    head, *rows = table_of(page, "labels")
    assert head[-1] == "Most often taken for"
    assert "Threshold" not in head
    assert sorted(row[0] for row in rows) == sorted(LABELS)
    head, *rows = table_of(page, "balance")
    assert head == ["Label", "Training texts", "Share", "Weight", "Share after weighting"]
    assert {row[4] for row in rows} == {"33.3 %"}
    head, *rows = table_of(page, "curves")
    assert [row[0] for row in rows] == ["total", "data", "weight penalty", LAYER]
    epochs = page.partition("Every epoch in figures")[2].partition("</table>")[0]
    assert epochs.count("<tr") == 1 + 6
    assert '<tr class="best"><th scope="row" class="n">4 ' in epochs


def test_two_labels():
    page = render_training_report(made_training(["no", "yes"], task="binary"))
    assert "Most often confused" not in page
    head, *rows = table_of(page, "labels")
    assert {row[head.index("Threshold")] for row in rows} == {"0.400", "–"}
    assert "No weights were used" in page
    assert "Weight</th>" not in page
    assert "Term of the loss" not in page


def test_several_labels_a_text():
    labels = [f"label {i}" for i in range(28)]
    page = render_training_report(made_training(labels, task="multilabel", weighted=True))
    assert 'id="confusion"' not in page
    head, *rows = table_of(page, "labels")
    assert head[1:] == [
        *("Texts", "F1", "Precision", "Recall", "AUROC", "Average precision", "Threshold")
    ]
    assert len(rows) == 28
    assert "Positive weight" in page
    assert "do not add up to 100 %" in page
    assert "label decisions" in page
    assert "Micro F1" in page


@pytest.mark.parametrize(("n_labels", "n_drawn"), [(77, 77), (300, 60)])
def test_many_labels(n_labels, n_drawn):
    labels = [f"label {i}" for i in range(n_labels)]
    measured = made_measured(labels, task="multiclass", n_texts=2 * n_labels)
    page = render_training_report(made_training(labels, task="multiclass", validation=measured))
    assert f"Confusion matrix of {n_drawn} labels" in page
    assert (f"the {n_drawn} of {n_labels} labels" in page) == (n_labels > 100)
    assert len(table_of(page, "labels")) == n_labels + 1
    assert len(page) < 1_000_000


def test_a_test_file(report):
    test = made_measured(LABELS, task="multiclass", n_texts=123, source="test.csv")
    page = render_training_report(replace(report, test=test))
    said = text_of(page)
    assert "of 123 test texts." in said
    assert "All that follows is about the test texts." in said
    head, *_ = table_of(page, "quality")
    assert head[1:3] == ["400 held-out texts 10 % of reviews.csv", "123 test texts test.csv"]
    assert sum(int(row[1]) for row in table_of(page, "labels")[1:]) == 123


def test_nothing_held_out_and_no_epochs(report):
    bare = replace(report, validation=None, history=[], best_epoch=None, notes=[], settings={})
    page = render_training_report(bare)
    assert re.findall(r'<section id="(\w+)"', page) == ["balance", "run"]
    assert "2,000 texts, and not measured." in page


def test_one_epoch_is_shown_in_figures(report):
    page = render_training_report(replace(report, history=made_history(1), best_epoch=1))
    assert '<details class="more" open>' in page
    assert 'class="panel curves"' not in page


def test_an_epoch_that_broke(report):
    history = made_history(6, penalties=True)
    history[4].terms.update(total=math.nan, data=math.inf)
    history[5].validation["accuracy"] = math.nan
    page = render_training_report(replace(report, history=history))
    assert "Epoch 5: no finite number for total, data" in page
    assert "not finite" in page
    assert ">nan<" not in page


def test_mistakes(report):
    mistakes = [Mistake(f"text {i}", (Answer("a", 0.1),), ()) for i in range(30)]
    mistakes[0] = Mistake("word " * 400, (), (Answer("b", 0.9),))
    measured = replace(report.validation, mistakes=mistakes, n_mistakes=1234)
    page = render_training_report(replace(report, validation=measured))
    said = text_of(page)
    assert "1,234 of 400 held-out texts were judged wrongly." in said
    assert "cut, 2,000 characters in all" in said
    assert "True no label Predicted ✕ b 90 %" in said
    assert "True a 10 % Predicted ✕ no label" in said
    assert page.count('class="mistake"') == 30
    assert "<summary>10 more</summary>" in page


@pytest.mark.parametrize(
    ("n_mistakes", "said"), [(0, "None: every text was judged right."), (7, "7 texts were judged")]
)
def test_no_mistakes_to_show(report, n_mistakes, said):
    measured = replace(report.validation, mistakes=[], n_mistakes=n_mistakes, reliability=None)
    page = render_training_report(replace(report, validation=measured))
    assert said in page
    assert 'id="calibration"' not in page


def test_untrusted_texts_stay_text():
    labels = [NASTY, NASTY + "2", "<u>"]
    measured = made_measured(labels, task="multiclass", texts=[NASTY] * 400, source=NASTY)
    history = made_history(3, penalties=True)
    for record in history:
        record.terms[NASTY] = 0.5
        record.validation[NASTY] = 0.5
    page = render_training_report(
        made_training(
            labels,
            task="multiclass",
            validation=measured,
            history=history,
            title=NASTY,
            encoder=NASTY,
            encoder_about=NASTY,
            pooling=NASTY,
            trained=NASTY,
            trained_at=NASTY,
            settings={NASTY: NASTY},
            notes=[NASTY],
            warnings=[NASTY],
        )
    )
    assert page.count("<script") == 1
    assert "\u202e" not in page
    assert "<u>" not in page
    assert "{{7*7}}" in page


def test_figures_of_other_labels(report):
    with pytest.raises(InputError, match="Expected figures of 2 labels, got 3 in the balance"):
        render_training_report(replace(report, labels=LABELS[:2]))
    other = made_measured(["a", "b"], task="multiclass", n_texts=9)
    with pytest.raises(InputError, match=r"\[2, 3\] in the metrics"):
        render_training_report(replace(report, test=other))


def test_writing(tmp_path, report):
    path = write_training_report(report, tmp_path / "new")
    assert path == tmp_path / "new" / "report.html"
    assert "reviews.csv" in path.read_text(encoding="utf-8")
