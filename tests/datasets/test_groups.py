"""Groups of pictures of one object."""

from pathlib import Path

import pytest

from embedsvc.datasets.groups import apply_groups
from embedsvc.errors import InputError
from embedsvc.images.records import ImageRecord

RECORDS = [ImageRecord(Path(name), name) for name in ("a/1.png", "a/2.png", "b/3.png")]


def apply(tmp_path, content):
    path = tmp_path / "groups.csv"
    path.write_text(content, encoding="utf-8")
    return apply_groups(RECORDS, path)


def test_groups_are_set(tmp_path):
    grouped = apply(tmp_path, "path,group\na/2.png,7\na/1.png,x\na/2.png,7\n")
    assert [record.group for record in grouped] == ["x", "7", None]
    assert RECORDS[0].group is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,group\na/1.png,1\na/9.png,1\n", "got 'a/9.png' in .*groups.csv, line 3. Write"),
        ("path,group\na\\1.png,1\n", "with forward slashes"),
        ("path,group\na/1.png,\n", "Expected a group for 'a/1.png', got nothing in .*line 2"),
        ("path,group\na/1.png,1\na/1.png,2\n", "got '1' and '2': the second in .*line 3"),
        ("path,group\na/1.png\n", "Expected 2 fields .*groups.csv, line 2"),
        ("path,grp\na/1.png,1\n", "Expected a column 'group'"),
        ("file,group\na/1.png,1\n", "Expected a column 'path'"),
        ("", "got no row"),
    ],
)
def test_broken_groups(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        apply(tmp_path, content)
