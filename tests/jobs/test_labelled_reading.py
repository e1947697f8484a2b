"""Which column plays which part."""

import pytest

from embedsvc.errors import InputError
from embedsvc.jobs.label_columns import LabelColumns
from embedsvc.jobs.labelled_reading import LabelledReading


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"column": "label"}, "different columns for --label and --column, got 'label' as both"),
        ({"sample_weight": "label"}, "for --label and --sample-weight"),
        ({"sample_weight": "x", "column": "x"}, "for --sample-weight and --column"),
    ],
)
def test_a_column_plays_one_part(settings, message):
    with pytest.raises(InputError, match=message):
        LabelledReading(LabelColumns(("label",)), **settings)


def test_without_weights():
    reading = LabelledReading(LabelColumns(("label",)), sample_weight="w", column="t")
    assert reading.without_weights() == LabelledReading(LabelColumns(("label",)), column="t")
