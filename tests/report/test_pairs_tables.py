"""The tables on how well points are found again."""

from made_evaluations import made_evaluation

from embedsvc.report.pairs_tables import (
    format_ms,
    means_table,
    ranked,
    sequence_cells,
    short_names,
    worst_pairs,
)

FOUND = made_evaluation(
    {
        "low": {"graf": [0.2, 0.1], "bikes": [0.9]},
        "high": {"graf": [0.5, 0.7], "bikes": [0.9001]},
    }
)


def test_the_best_comes_first_and_is_marked():
    assert ranked(FOUND) == ["high", "low"]
    head, rows = means_table(FOUND)
    assert head == ["1 px", "3 px", "5 px", "10 px", "AP", "ms an image"]
    assert [model for model, _ in rows] == ["high", "low"]
    high, low = (cells for _, cells in rows)
    assert [cell.text for cell in high] == ["0.750"] * 4 + ["0.500", "21"]
    assert [cell.is_best for cell in high] == [True] * 5 + [False]
    # The same AP is the best of both; fewer milliseconds are better.
    assert [cell.is_best for cell in low] == [False] * 4 + [True, True]


def test_figures_that_are_shown_alike_are_the_best_together():
    assert [cell.is_best for cell in sequence_cells(FOUND, ["low", "high"], "bikes")] == [True] * 2
    assert [cell.is_best for cell in sequence_cells(FOUND, ["low", "high"], None)] == [False, True]


def test_of_one_model_nothing_is_best():
    _, rows = means_table(made_evaluation({"a": {"s": [0.5]}}))
    assert not any(cell.is_best for cell in rows[0][1])


def test_the_worst_pairs_of_the_first_model_come_first():
    rows = worst_pairs(FOUND, ["low", "high"], most=2)
    assert [(row.name, row.cells[0].text, row.cells[1].text) for row in rows] == [
        ("graf/1.png - graf/3.png", "0.100", "0.700"),
        ("graf/1.png - graf/2.png", "0.200", "0.500"),
    ]
    assert (rows[0].sequence, rows[0].n_measured) == ("graf", 500)
    assert len(worst_pairs(FOUND, ["low"])) == 3


def test_names_lose_the_folder_they_share():
    assert short_names(["/d/graf/1.png - /d/graf/2.png"]) == ["1.png - 2.png"]
    assert short_names(["/d/a/1.png - /d/a/2.png", "/d/b/1 - /d/c"]) == [
        "a/1.png - a/2.png",
        "b/1 - c",
    ]
    assert short_names(["graf 1-2", "graf 1-3", ""]) == ["graf 1-2", "graf 1-3", ""]
    assert short_names([]) == []


def test_milliseconds():
    assert [format_ms(value) for value in (0.123, 4.56, 12.3, 12345.6)] == [
        "0.12",
        "4.6",
        "12",
        "12,346",
    ]
