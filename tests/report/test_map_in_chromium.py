"""The map as a real browser shows it: moving, searching, selecting, and no way out."""

import io

import numpy as np
import pytest
from chromium import Chromium
from made_maps import made_map
from made_reports import NASTY
from PIL import Image

from embedsvc.report.map_colors import colouring
from embedsvc.report.map_page import write_map_page


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def opened(browser, tmp_path):
    def open_map(shown, width=1280, height=900):
        write_map_page(shown, tmp_path / "map.html")
        browser.size(width, height)
        browser.open(tmp_path / "map.html")
        browser.wait("view.width > 1 && !waiting")
        return browser

    yield open_map
    assert not browser.errors


def listed(page):
    return page.run("[...document.querySelectorAll('#items span')].map(s => s.textContent)")


def test_points_are_painted_in_the_colours_of_their_groups(opened):
    page = opened(made_map(60))
    painted = """(() => {
      const seen = new Set();
      for (let at = 0; at < image.data.length; at += 4)
        seen.add([...image.data.slice(at, at + 3)].join());
      return [0, 1, 2].map(group => theme.palette[group])
        .map(rgb => rgb.map(c => Math.round(c * 0.92 + 255 * 0.08)))
        .map(c => [...seen].some(s => s.split(',').every((v, i) => Math.abs(v - c[i]) < 4)));
    })()"""
    assert page.run(painted) == [True] * 3
    page.run("setOff([0, 1]); paintPoints()")
    assert page.run(painted) == [False, False, True]


def test_search(opened):
    page = opened(made_map(60, texts=[f"Text {i} É" for i in range(60)]))
    page.run("byId('find').value = 'TEXT 7 é'; search()")
    assert listed(page) == ["Text 7 É"]
    assert page.run("byId('found').textContent") == "1 found"
    assert page.run("[...level].filter(l => l === SHOWN).length") == 1
    page.run("byId('find').focus()")
    page.press("Enter")
    assert page.run("state.current") == 7
    assert page.run("tip.hidden") is False
    assert "Text 7" in page.run("tip.textContent")
    page.run("byId('find').value = 'nowhere'; search()")
    assert page.run("byId('found').textContent") == "Nothing found"
    assert page.run("byId('list').hidden") is True
    page.run("byId('find').value = 'id5'; search(); step(-1)")
    assert page.run("state.current") == 59
    page.run("step(1)")
    assert page.run("state.current") == 5


def test_legend(opened):
    page = opened(made_map(60))
    buttons = "[...document.querySelectorAll('#groups .group')]"
    assert page.run(f"{buttons}.map(b => b.textContent)") == [f"topic {i}20" for i in range(3)]
    page.run(f"{buttons}[1].click()")
    assert page.run("level.filter(l => l === HIDDEN).length") == 20
    assert page.run(f"{buttons}.map(b => b.ariaPressed)") == ["true", "false", "true"]
    page.run("document.querySelectorAll('#groups .only')[0].click()")
    assert page.run(f"{buttons}.map(b => b.ariaPressed)") == ["true", "false", "false"]
    page.run("byId('none').click()")
    assert page.run("level.every(l => l === HIDDEN)") is True
    page.run("byId('every').click()")
    assert page.run("level.every(l => l === SHOWN)") is True


def test_selection_and_its_csv(opened):
    texts = ['say "hi", you', *[f"text {i}" for i in range(1, 60)]]
    page = opened(made_map(60, texts=texts, columns={"stars": ["5"] * 60}))
    page.run("selectInside([[xOf(0)-1, yOf(0)-1], [xOf(0)+1, yOf(0)-1], [xOf(0), yOf(0)+2]])")
    assert listed(page) == ['say "hi", you']
    csv = page.run("csvOf(listed)")
    assert csv == 'id,text,topic,stars\nid0,"say ""hi"", you",topic 0,5\n'
    page.run("byId('clear').click()")
    assert page.run("byId('list').hidden") is True
    page.run("selectInside([[0, 0], [view.width, 0], [view.width, view.height], [0, view.height]])")
    assert page.run("listed.length") == 60


def test_keys_move_and_zoom(opened):
    page = opened(made_map(60))
    page.run("canvas.focus()")
    before = page.run("[view.x, view.k]")
    page.press("+")
    page.press("ArrowRight")
    x, k = page.run("[view.x, view.k]")
    assert x > before[0]
    assert k == pytest.approx(1.4 * before[1])
    page.press("0")
    assert page.run("[view.x, view.k]") == before


def test_the_point_under_the_pointer(opened):
    page = opened(made_map(60))
    assert page.run("[...Array(60).keys()].every(i => nearest(xOf(i), yOf(i)) >= 0)")
    assert page.run("nearest(xOf(3), yOf(3))") == 3
    assert page.run("nearest(1, view.height - 1)") == -1
    page.run("hover(3)")
    assert page.run("[...tip.querySelectorAll('dd')].map(d => d.textContent)") == ["topic 0", "id3"]
    page.run("keep(3)")
    page.press("Escape")
    assert page.run("tip.hidden") is True


@pytest.mark.parametrize("width", [390, 1280])
def test_names_do_not_cover_each_other_nor_leave_the_map(opened, width):
    page = opened(made_map(400, groups=60), width)
    drawn = page.run("(() => { const taken = [buttonsBox()]; paintLabels(taken); return taken })()")
    assert len(drawn) > 5
    inner = page.run("[view.width, view.height]")
    for i, a in enumerate(drawn[1:], 1):
        assert a[0] >= 0 and a[1] >= 0 and a[2] <= inner[0] and a[3] <= inner[1]
        for b in drawn[:i]:
            assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]
    assert page.run("document.documentElement.scrollWidth") <= width


def test_texts_of_users_stay_texts(opened):
    nasty = [NASTY, "<img src=x onerror=\"document.title='ran'\">"]
    page = opened(
        made_map(2, title=NASTY, ids=nasty, texts=nasty, colouring=colouring(NASTY, nasty))
    )
    page.run("byId('find').value = 'a'; search(); step(1)")
    page.run("hover(1)")
    assert page.run("document.title") != "ran"
    assert page.run("document.querySelectorAll('img').length") == 0


def test_pictures_and_dark(opened, browser):
    jpeg = io.BytesIO()
    Image.new("RGB", (40, 20), "red").save(jpeg, "JPEG")
    shown = made_map(30, texts=None, kind="image", pictures=[jpeg.getvalue()] * 29 + [None])
    page = opened(shown)
    page.wait("[...loaded.values()].some(one => one.complete)")
    page.run("keep(0)")
    assert page.run("tip.querySelector('img').naturalWidth") == 40
    browser.prefer("dark")
    page.wait("theme.paper !== '#ffffff'")
    browser.prefer("light")


@pytest.mark.parametrize("n", [0, 1, 5])
def test_few_points_and_all_at_one_place(opened, n):
    shown = made_map(n, groups=0, texts=None, places=np.zeros((n, 2), np.float32))
    page = opened(shown)
    page.run("zoomAt(3); paintPoints(); byId('find').value = 'id0'; search()")
    if n:
        assert page.run("nearest(xOf(0), yOf(0))") == 0
        page.run("hover(0)")
        said = page.run("tip.textContent")
        assert ("4 more at this very place" in said) == (n == 5)


def test_numbers(opened):
    page = opened(made_map(4, colouring=colouring("n", [0.5, None, 2, 1e9])))
    assert page.run("byId('scale').style.background").startswith("linear-gradient")
    assert page.run("colourOf(1).join() === theme.none.join()")
    page.run("hover(0)")
    assert "0.5" in page.run("tip.textContent")
