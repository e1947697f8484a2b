"""How well points are found again, as a terminal shows it."""

from made_evaluations import made_evaluation

from embedsvc.report.pairs_text import format_means


def test_two_tables_whose_columns_are_aligned():
    found = made_evaluation(
        {
            "descriptor": {"graf": [0.5], "bikes": [1.0, 0.9]},
            "raw": {"graf": [0.1], "bikes": [1, 1]},
        }
    )
    assert format_means(found).splitlines() == [
        "mean of 2 sequences   1 px    3 px    5 px   10 px      AP   ms an image",
        "descriptor           0.725*  0.725*  0.725*  0.725*  0.500*           20*",
        "raw                  0.550   0.550   0.550   0.550   0.500*           21",
        "",
        "within 5 px  graf (1)   bikes (2)",
        "descriptor      0.500*      0.950",
        "raw             0.100       1.000*",
    ]


def test_one_sequence_needs_no_second_table():
    found = made_evaluation({"raw": {"graf": [0.5, 0.7]}})
    assert format_means(found).splitlines() == [
        "mean of 2 pairs   1 px    3 px    5 px   10 px      AP   ms an image",
        "raw              0.600   0.600   0.600   0.600   0.500            20",
    ]


def test_many_and_long_sequences_are_cut():
    shares = {f"sequence_with_a_long_name_{at}": [0.5] for at in range(9)}
    lines = format_means(made_evaluation({"raw": shares})).splitlines()
    assert lines[-1] == "and 3 sequences more"
    assert max(map(len, lines)) < 160
