"""Whether an output folder is free, before the work begins."""

import pytest

from embedsvc.errors import OutputError
from embedsvc.jobs.output_folder import check_output_folder


def check(output, *, own=True, overwrite=False):
    check_output_folder(
        output,
        names=("a.json", "b.csv"),
        is_own=lambda folder: own,
        what="a thing",
        overwrite=overwrite,
    )


def test_what_is_free_or_may_be_replaced(tmp_path):
    check(tmp_path / "new")
    check(tmp_path)
    (tmp_path / "a.json").write_text("{}")
    check(tmp_path, overwrite=True)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.json", {}, "got a thing. Choose another folder, or add --overwrite"),
        ("a.json", {"own": False, "overwrite": True}, "a folder with a.json"),
        ("mine.txt", {"overwrite": True}, "a folder with mine.txt.*only a thing can be replaced"),
    ],
)
def test_what_is_in_use(tmp_path, name, options, message):
    (tmp_path / name).write_text("{}")
    with pytest.raises(OutputError, match=message):
        check(tmp_path, **options)


def test_a_file_and_a_place_out_of_reach(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="to be a folder, got a file"):
        check(tmp_path / "file")
    with pytest.raises(OutputError, match="Expected a folder to write to"):
        check(tmp_path / ("n" * 300))
