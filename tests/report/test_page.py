"""The frame of pages: escaping, the content security policy, data URLs and the write."""

import base64
import hashlib
import re

import pytest
from made_reports import NASTY
from markupsafe import escape

from embedsvc.errors import InputError, OutputError
from embedsvc.report import whole_file
from embedsvc.report.page import data_url, render_page, write_page


def test_a_page_escapes_and_allows_its_own_script_alone():
    html = render_page("page.html.j2", {"title": NASTY}, scripts=("gallery.js",))
    assert str(escape(NASTY)) in html
    assert "<script>document" not in html
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html.replace("&#39;", "'")
    assert "default-src 'none'" in html.replace("&#39;", "'")


def test_a_page_without_scripts():
    assert "<script" not in render_page("page.html.j2", {"title": "plain"})


def test_data_urls():
    assert data_url(b"\x89PNG\r\n\x1a\n..") == "data:image/png;base64,iVBORw0KGgouLg=="
    with pytest.raises(InputError, match="Expected the bytes of a JPEG or a PNG, got 3 bytes"):
        data_url(b"GIF")


def test_writing_makes_folders_and_shows_undecodable_names(tmp_path):
    path = tmp_path / "new" / "report.html"
    write_page(path, "a\udcffb")
    assert path.read_text(encoding="utf-8") == "a?b"
    assert [other.name for other in path.parent.iterdir()] == ["report.html"]


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"Expected to write .*report.html"):
        write_page(tmp_path / "file" / "report.html", "page")


def test_a_full_disk(tmp_path, monkeypatch):
    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole_file, "atomic_write", full)
    with pytest.raises(OutputError, match="the disk is full"):
        write_page(tmp_path / "report.html", "page")
