"""Class weights from files."""

from pathlib import Path

import pytest

from embedsvc.errors import InputError
from embedsvc.jobs.class_weight_files import read_class_weights


@pytest.fixture
def read(tmp_path):
    def run(text, name="weights.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_class_weights(path)

    return run


def test_json_and_csv_agree(read):
    expected = {"spam": 5.0, "a, b": 0.5}
    assert read('{"spam": 5, " a, b ": 0.5}', "w.json") == expected
    assert read('\ufeffWeight,label \n5, spam\n\n0.5,"a, b"\n') == expected


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("label,weigth\na,1\n", "w.csv", "columns label and weight .*got 'label', 'weigth'"),
        ("", "w.csv", "got no columns"),
        ("label,weight,weight\na,1,2\n", "w.csv", "Expected the columns label and weight"),
        ("label,weight\n", "w.csv", "Expected class weights in .*got none"),
        ("label,weight\na,1\nb,c,1\n", "w.csv", "line 3: Expected 2 fields.*got 3"),
        ("label,weight\na,-1\n", "w.csv", "line 2: Expected a weight of 0 or more, got '-1'"),
        ("label,weight\na,nan\n", "w.csv", "got 'nan'"),
        ("label,weight\na,inf\n", "w.csv", "got 'inf'"),
        ("label,weight\na,\n", "w.csv", "got ''"),
        ("label,weight\na,1\n a,2\n", "w.csv", "line 3: Expected each label once, got 'a' again"),
        (b"label,weight\n\xff,1\n", "w.csv", "as UTF-8"),
        ('label,weight\n"a,1\n', "w.csv", "unexpected end of data"),
        ("[1]", "w.json", "Expected a JSON object"),
        ("{", "w.json", "Expected readable JSON"),
        ("{}", "w.json", "got none"),
        ('{"a": true}', "w.json", "'a': Expected a weight of 0 or more, got True"),
        ('{"a": null}', "w.json", "got None"),
        ('{"a": [1]}', "w.json", "got \\[1\\]"),
        ("a=1", "w.txt", "ends in .json or .csv"),
    ],
)
def test_mistakes(read, text, name, message):
    with pytest.raises(InputError, match=message):
        read(text, name)


def test_a_word_that_is_no_file():
    with pytest.raises(InputError, match="Expected balanced, none or a file.*'balance'"):
        read_class_weights(Path("balance"))
