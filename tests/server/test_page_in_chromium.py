"""The page as a real browser shows it: what people do, and what can go wrong meanwhile."""

import json
import os
import shlex

import pytest
from chromium import Chromium
from page_stub import CLASSIFIER, DETECTOR, TEXT, Stub, served, write_part

NASTY = '<img src=x onerror="document.title=\'ran\'"> it\'s "$HOME" `id`'
READY = "document.body.classList.contains('ready')"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def address():
    with served(Stub()) as stub:
        yield stub


@pytest.fixture
def stub(address):
    """The service as it is at first, whatever the test before did to it."""
    fresh = Stub(url=address.url)
    address.__dict__.update(fresh.__dict__)
    return address


@pytest.fixture
def opened(browser, stub):
    def open_page(tab="", *, width=1280, until=READY):
        browser.size(width, 900)
        browser.open(stub.url + tab)
        browser.run("try { sessionStorage.clear(); localStorage.clear() } catch {}")
        browser.wait(until)
        return browser

    yield open_page
    # Statuses of errors are what these tests ask for.
    assert not [one for one in browser.errors if "Failed to load resource" not in one]


@pytest.fixture
def parts(tmp_path):
    return [
        write_part(tmp_path / name, scratch=scratch)
        for name, scratch in {"good.png": 0, "bad, it's.png": 60, "worse.png": 90}.items()
    ]


def text_of(page, selector):
    return page.run(f"document.querySelector({json.dumps(selector)}).textContent")


def texts_of(page, selector):
    return page.run(
        f"[...document.querySelectorAll({json.dumps(selector)})].map(one => one.textContent)"
    )


def is_shown(page, selector):
    return page.run(f"document.querySelector({json.dumps(selector)}).checkVisibility()")


def fill(page, selector, text):
    """Type instead of what is there."""
    page.run(f"(one => {{ one.focus(); one.select() }})(document.querySelector('{selector}'))")
    page.type(text)


def compare(page, text):
    fill(page, "#lines", text)
    page.run("document.querySelector('#texts .go').click()")


def wait_for(page, selector, words):
    page.wait(f"document.querySelector('{selector}').textContent.includes({json.dumps(words)})")


def wait_until(page, is_so):
    """Wait for something that happens in the service."""
    for _ in range(2000):
        if is_so():
            return
        page.run("new Promise(done => setTimeout(done, 10))")
    pytest.fail("the service was waited for in vain")


def curl_of(page, tab):
    return shlex.split(text_of(page, f"#{tab} .curl code").replace("\\\n", " "))


# Images


def test_images_are_scored_and_listed_most_anomalous_first(opened, stub, parts):
    page = opened("#images")
    page.choose_files("#files", parts)
    wait_for(page, "#images .status", "2 anomalies in 3 images")
    names = texts_of(page, "#pictures b")
    assert names == ["worse.png", "bad, it's.png", "good.png"]
    assert texts_of(page, "#pictures .tag") == ["Anomaly", "Anomaly", "Normal"]
    assert text_of(page, ".verdict").startswith("Anomaly: score ")
    assert text_of(page, ".verdict").endswith(" is above the threshold 2.31")
    assert "about 1 in 100 score this high or higher" in text_of(page, "#viewer .note")
    page.run("document.querySelectorAll('#pictures button')[2].click()")
    assert text_of(page, ".verdict") == "Normal: score 0.400 is below the threshold 2.31"
    assert stub.asked == [("anomalies", [path.name for path in parts])]


def test_the_heat_map_lies_on_the_picture_and_fades_by_keyboard(opened, parts):
    page = opened("#images")
    page.choose_files("#files", parts[1:2])
    page.wait("document.querySelector('.heat')?.naturalWidth === 320")
    boxes = page.run("""[...document.querySelectorAll('.stage img')].map(one => {
        const box = one.getBoundingClientRect(); return [box.x, box.y, box.width, box.height] })""")
    assert boxes[0] == boxes[1]
    page.run("document.getElementById('opacity').focus()")
    page.press("ArrowLeft")
    assert text_of(page, ".slider output") == "95 %"
    assert page.run("document.querySelector('.heat').style.opacity") == "0.95"
    page.run("document.querySelector('#images .go').click()")
    page.wait("document.querySelector('.heat')?.style.opacity === '0.95'")


def test_a_dropped_and_a_pasted_picture(opened, stub):
    page = opened("#texts")
    made = """new Promise(done => { const c = document.createElement('canvas');
      c.width = c.height = 90; c.getContext('2d').fillRect(0, 0, 90, 90);
      c.toBlob(blob => { const data = new DataTransfer();
        data.items.add(new File([blob], NAME, {type: 'image/png'})); done(data) }) })"""
    page.run(f"""{made.replace("NAME", "'dropped.png'")}.then(dataTransfer =>
      document.body.dispatchEvent(new DragEvent('drop', {{dataTransfer, bubbles: true,
        cancelable: true}})))""")
    wait_for(page, "#images .status", "No anomaly in 1 image")
    assert is_shown(page, "#images")
    page.run(f"""{made.replace("NAME", "'pasted.png'")}.then(clipboardData =>
      document.dispatchEvent(new ClipboardEvent('paste', {{clipboardData, cancelable: true}})))""")
    page.wait("document.querySelector('.stage img')?.alt === 'pasted.png'")
    wait_for(page, "#images .status", "No anomaly in 1 image")
    assert stub.asked == [("anomalies", ["dropped.png"]), ("anomalies", ["pasted.png"])]


def test_files_that_are_no_images_are_refused_before_they_are_sent(opened, stub, parts, tmp_path):
    page = opened("#images")
    (tmp_path / "notes.pdf").write_bytes(b"%PDF-1.7 and so on")
    (tmp_path / "empty.jpg").touch()
    page.choose_files("#files", [tmp_path / "notes.pdf", tmp_path / "empty.jpg"])
    wait_for(page, "#images .error", "None of these files")
    assert texts_of(page, "#refused li") == [
        "notes.pdf: Expected JPEG, PNG, WebP, TIFF, BMP, PPM or GIF, got a PDF.",
        "empty.jpg: It is empty.",
    ]
    assert stub.asked == []
    page.choose_files("#files", [tmp_path / "notes.pdf", parts[0]])
    wait_for(page, "#images .status", "No anomaly in 1 image")
    assert text_of(page, "#images .error") == ""


def test_an_image_that_fails_does_so_alone(opened, parts, tmp_path):
    page = opened("#images")
    broken = tmp_path / "broken.png"
    broken.write_bytes(parts[0].read_bytes()[:200])
    page.choose_files("#files", [broken, parts[0]])
    wait_for(page, "#images .status", "No anomaly in 1 image, ")
    wait_for(page, "#images .status", "1 image could not be scored.")
    assert texts_of(page, "#pictures .tag") == ["Normal", "Failed"]
    assert "got a file that breaks off: broken.png" in texts_of(page, "#pictures .note")[1]
    # Refused as a whole, and still an image's own failure.
    page.choose_files("#files", [broken])
    wait_for(page, ".verdict", "This image could not be scored")
    assert "breaks off" in text_of(page, "#viewer")
    assert text_of(page, "#images .error") == ""


def test_many_images_go_in_several_requests(opened, stub, tmp_path):
    page = opened("#images")
    small = [write_part(tmp_path / f"{i:02}.png", scratch=i, size=(120, 100)) for i in range(10)]
    page.choose_files("#files", small)
    wait_for(page, "#images .status", "in 10 images")
    assert [len(names) for _, names in stub.asked] == [8, 2]
    assert "The first of 2 requests." in text_of(page, "#images .curl")


def test_images_that_were_not_reached_say_so(opened, stub, parts):
    stub.delay = 30
    page = opened("#images")
    page.choose_files("#files", parts[:2])
    wait_until(page, lambda: stub.started == 1)
    assert texts_of(page, "#pictures .tag") == ["Waiting", "Waiting"]
    page.run("document.querySelector('#images .cancel').click()")
    wait_for(page, ".verdict", "Not scored")
    assert texts_of(page, "#pictures .tag") == ["Not scored", "Not scored"]
    stub.delay = 0
    page.run("document.querySelector('#images .go').click()")
    wait_for(page, "#images .status", "1 anomaly in 2 images")
    assert texts_of(page, "#pictures .tag") == ["Anomaly", "Normal"]


def test_a_detector_without_heat_maps(opened, stub, parts):
    stub.heatmaps = False
    page = opened("#images")
    page.choose_files("#files", parts[1:2])
    wait_for(page, "#viewer", "a score only, no heat map")
    assert not page.run("!!document.getElementById('opacity')")


# Texts


def test_texts_are_compared(opened, stub):
    page = opened("#texts")
    fill(page, "#lines", "a red car\n\n  the house\na red car here\n")
    assert text_of(page, "#texts .lines-count") == "3 texts"
    page.press("Enter", ctrl=True)
    wait_for(page, "#texts .status", "3 texts compared")
    body = {"model": "minilm", "input": ["a red car", "the house", "a red car here"], "map": True}
    assert stub.asked == [("similarity", body)]
    assert texts_of(page, "td[data-i='0']") == ["1.00", "−0.25", "0.75"]
    assert texts_of(page, "#pairs li:first-child span span") == ["a red car", "a red car here"]
    # Names are laid out when the map has its size, a frame later.
    page.wait("document.querySelectorAll('#map text').length === 3")
    assert sorted(texts_of(page, "#map text")) == sorted(body["input"])


def test_the_example(opened):
    page = opened("#texts")
    page.run("document.getElementById('example').click()")
    wait_for(page, "#texts .status", "10 texts compared")
    # What somebody typed is not to be replaced.
    assert not is_shown(page, "#example")
    page.wait("!!document.querySelector('.map circle')")
    assert page.run("document.querySelector('.map circle').getAttribute('aria-label')").startswith(
        "1 "
    )


def test_cells_and_points_can_be_reached_by_keyboard(opened):
    page = opened("#texts")
    compare(page, "one two\none three\nfour")
    wait_for(page, "#texts .status", "compared")
    page.run("document.querySelector('td[data-i=\"0\"]').focus()")
    page.press("ArrowRight")
    page.press("ArrowDown")
    page.press("ArrowDown")
    page.press("ArrowDown")
    assert text_of(page, "#matrix .readout") == "0.00: 3 “four” and 2 “one three”"
    assert page.run("document.querySelectorAll('td[tabindex=\"0\"]').length") == 1
    page.run("document.querySelector('.map circle').focus()")
    said = set()
    for _ in range(3):
        said.add(text_of(page, "#map .readout"))
        page.press("ArrowRight")
    for _ in range(3):
        page.press("ArrowLeft")
        said.add(text_of(page, "#map .readout"))
    assert {one[0] for one in said} == {"1", "2", "3"}
    assert "1 “one two”; closest is 3 “four” with 0.00" in said


def test_many_texts_become_a_picture(opened, browser):
    page = opened("#texts")
    compare(page, "\n".join(f"text {i % 7} of {i}" for i in range(60)))
    wait_for(page, "#texts .status", "60 texts compared")
    pixel = """(() => { const copy = document.createElement('canvas').getContext('2d');
      copy.drawImage(document.querySelector('canvas'), 0, 0);
      return [...copy.getImageData(0, 0, 1, 1).data] })()"""
    light = page.run(pixel)
    assert light == [134, 179, 224, 255]
    browser.prefer("dark")
    page.wait(f"{pixel}.join() !== '{','.join(map(str, light))}'")
    browser.prefer("light")
    page.run("document.querySelector('.matrix-picture').focus()")
    page.press("ArrowRight")
    assert text_of(page, "#matrix .readout").startswith("−0.25: 1 “text 0 of 0” and 2 ")


@pytest.mark.parametrize(
    ("typed", "words"),
    [("", "at least two texts"), ("alone", "at least two texts"), ("x\n" * 1001, "1,001")],
    ids=["none", "one", "too-many"],
)
def test_what_the_page_does_not_send(opened, stub, typed, words):
    page = opened("#texts")
    page.run(f"document.getElementById('lines').value = {typed!r}")
    page.run("document.getElementById('lines').dispatchEvent(new Event('input'))")
    page.run("document.querySelector('#texts .go').click()")
    wait_for(page, "#texts .error", words)
    assert stub.asked == []


def test_a_text_too_long_is_named_kept_and_can_be_cut(opened, stub):
    page = opened("#texts")
    typed = "short\n" + "long " * 20
    compare(page, typed)
    wait_for(page, "#texts .error", "Expected at most 256 tokens, got 300 in input[1].")
    assert "tick “Cut texts that are too long”" in text_of(page, "#texts .error")
    assert page.run("document.getElementById('lines').value") == typed
    page.run("document.querySelector('#texts .error button').click()")
    assert page.run("getSelection().toString()").strip() == ("long " * 20).strip()
    page.run("document.querySelector('#texts .truncate').click()")
    page.run("document.querySelector('#texts .go').click()")
    wait_for(page, "#texts .cut", "Too long, so only the beginning counts: 2 “long")
    assert text_of(page, "#texts .error") == ""
    assert stub.asked[-1][1]["truncate"] is True


# Classes


def test_a_text_is_classified(opened, stub):
    page = opened("#classify")
    fill(page, "#to-classify", "My parcel is late")
    page.run("document.querySelector('#classify .go').click()")
    wait_for(page, "#classify .status", "1 text classified")
    assert stub.asked == [("classify", {"model": "topics", "input": "My parcel is late"})]
    assert texts_of(page, ".classified .tag") == ["delivery"]
    assert texts_of(page, ".scores .n") == [
        "93 %",
        "41 %",
        "20 %",
        "10 %",
        "5 %",
        "2 %",
        "1 %",
        "< 1 %",
    ]
    assert text_of(page, "summary") == "2 more"
    fill(page, "#to-classify", "one\n" + "long " * 20)
    page.run("document.querySelector('#classify .go').click()")
    page.wait("document.querySelectorAll('.classified').length === 2")
    assert texts_of(page, ".classified .tag.warn") == ["Cut: too long"]


# The command


def test_the_commands_survive_a_shell(opened, stub, parts):
    page = opened("#texts")
    compare(page, f"{NASTY}\nother \\ text")
    wait_for(page, "#texts .status", "compared")
    command = curl_of(page, "texts")
    assert command[:4] == [
        "curl",
        f"{stub.url}v1/similarity",
        "-H",
        "Content-Type: application/json",
    ]
    assert json.loads(command[5]) == stub.asked[0][1]
    page.run("document.getElementById('tab-images').click()")
    page.choose_files("#files", parts)
    wait_for(page, "#images .status", "in 3 images")
    assert curl_of(page, "images") == [
        *("curl", f"{stub.url}v1/anomalies", "-F", "model=screws", "-F", "heatmap=true"),
        *("-F", "image=@good.png", "-F", 'image=@"bad, it\'s.png"', "-F", "image=@worse.png"),
    ]


def test_the_command_can_be_copied(opened):
    page = opened("#texts")
    compare(page, "one\ntwo")
    wait_for(page, "#texts .status", "compared")
    page.run("""Object.defineProperty(navigator, 'clipboard', {configurable: true,
      value: {writeText: async text => { window.copied = text }}})""")
    page.run("document.querySelector('#texts .copy').click()")
    wait_for(page, "#texts .curl", "Copied")
    assert page.run("window.copied") == text_of(page, "#texts .curl code")
    page.run("navigator.clipboard.writeText = async () => { throw new Error('no') }")
    page.run("document.querySelector('#texts .copy').click()")
    wait_for(page, "#texts .curl", "Selected: press Ctrl+C")
    assert page.run("getSelection().toString()").startswith("curl http")


# What can go wrong


def test_texts_of_users_and_of_the_service_stay_texts(opened, stub):
    stub.models = [TEXT, {**CLASSIFIER, "id": NASTY}]
    page = opened("#texts")
    compare(page, f"{NASTY}\nplain")
    wait_for(page, "#texts .status", "compared")
    page.run("document.querySelector('td[data-j=\"1\"]').focus()")
    page.run("document.getElementById('tab-classify').click()")
    fill(page, "#to-classify", NASTY)
    page.run("document.querySelector('#classify .go').click()")
    wait_for(page, "#classify .status", "classified")
    assert text_of(page, ".quoted") == NASTY
    assert "<b>bold</b>" in text_of(page, "#classified")
    assert page.run("document.querySelectorAll('main img').length") == 0
    assert page.run("document.title") == "embedsvc"


def test_a_service_with_keys(opened, stub):
    stub.key = "secret-key"
    page = opened("#texts", until="!document.getElementById('key-form').hidden")
    assert page.run("document.activeElement.id") == "key"
    page.type("wrong key")
    page.press("Enter")
    wait_for(page, "#key-words", "without spaces")
    fill(page, "#key", "wrong")
    page.run("document.querySelector('#key-form button').click()")
    wait_for(page, "#key-words", "The key was not accepted")
    fill(page, "#key", "secret-key")
    page.run("document.querySelector('#key-form button').click()")
    page.wait(READY)
    assert not is_shown(page, "#key-form")
    compare(page, "one\ntwo")
    wait_for(page, "#texts .status", "compared")
    assert "Authorization: Bearer $EMBEDSVC_API_KEY" in curl_of(page, "texts")
    assert '"Authorization: Bearer $EMBEDSVC_API_KEY"' in text_of(page, "#texts .curl code")
    assert "secret-key" not in page.run("document.documentElement.outerHTML")
    assert (
        page.run("Object.values(sessionStorage).join() + Object.keys(localStorage)") == "secret-key"
    )
    # The key changes while the page is open: what was typed goes on with the new one.
    stub.key = "next-key"
    compare(page, "three\nfour\nfive")
    wait_for(page, "#texts .error", "An API key is needed")
    fill(page, "#key", "next-key")
    page.run("document.querySelector('#key-form button').click()")
    wait_for(page, "#texts .status", "3 texts compared")
    page.run("document.getElementById('forget-key').click()")
    page.wait("!document.getElementById('key-form').hidden")
    assert page.run("Object.values(sessionStorage).length") == 0


def test_a_busy_service_is_waited_for(opened, stub):
    stub.busy = [1]
    page = opened("#texts")
    compare(page, "one\ntwo")
    wait_for(page, "#texts .error", "The service is busy")
    assert "Too much is waiting." in text_of(page, "#texts .error")
    assert "Try again in 1 s" in text_of(page, "#texts .retry")
    assert page.run("document.querySelector('#texts .retry').disabled")
    page.wait("!document.querySelector('#texts .retry').disabled")
    assert text_of(page, "#texts .status") == "You can try again now."
    page.run("document.querySelector('#texts .retry').click()")
    wait_for(page, "#texts .status", "2 texts compared")
    assert text_of(page, "#texts .error") == ""


def test_the_page_waits_for_models(opened, stub):
    stub.ready = False
    page = opened("#texts", until="!document.getElementById('banner').hidden")
    wait_for(page, "#banner", "The models are being loaded. This page becomes usable by itself.")
    wait_for(page, "#state", "Loading models")
    compare(page, "one\ntwo")
    wait_for(page, "#texts .error", "The service is not ready yet.")
    stub.ready = True
    page.wait(READY)
    wait_for(page, "#state", "Ready, 3 models")
    assert not is_shown(page, "#banner")
    page.run("document.querySelector('#texts .go').click()")
    wait_for(page, "#texts .status", "2 texts compared")


def test_a_service_that_went_away_and_came_back(opened, stub):
    page = opened("#texts")
    page.run("window.reallyFetch = fetch; window.fetch = () => Promise.reject(new TypeError('x'))")
    compare(page, "one\ntwo")
    wait_for(page, "#texts .error", "The service cannot be reached.")
    wait_for(page, "#banner", "The service cannot be reached.")
    assert page.run("document.getElementById('lines').value") == "one\ntwo"
    page.run("window.fetch = window.reallyFetch")
    wait_for(page, "#state", "Ready")
    page.run("document.querySelector('#texts .retry').click()")
    wait_for(page, "#texts .status", "2 texts compared")


def test_a_request_can_be_cancelled(opened, stub):
    stub.delay = 30
    page = opened("#texts")
    compare(page, "one\ntwo")
    page.wait("!document.querySelector('#texts .cancel').hidden")
    wait_for(page, "#texts .status", "Comparing 2 texts")
    wait_until(page, lambda: stub.started == 1)
    page.run("document.querySelector('#texts .cancel').click()")
    wait_for(page, "#texts .status", "Cancelled.")
    assert not is_shown(page, "#texts .cancel")
    wait_until(page, lambda: stub.gone_away == 1)
    # A second request takes the place of a first.
    compare(page, "one\ntwo\nthree")
    wait_until(page, lambda: stub.started == 2)
    stub.delay = 0
    compare(page, "one\ntwo\nthree\nfour")
    wait_for(page, "#texts .status", "4 texts compared")
    assert len(texts_of(page, "td[data-i]")) == 16
    wait_until(page, lambda: stub.gone_away == 2)


@pytest.mark.parametrize(
    ("tab", "words"),
    [
        ("images", "embedsvc serve --detector"),
        ("texts", "embedsvc serve --model"),
        ("classify", "embedsvc serve --classifier"),
    ],
)
def test_what_is_not_served_says_how_to_serve_it(opened, stub, tab, words):
    needed = {"images": DETECTOR, "texts": TEXT, "classify": CLASSIFIER}[tab]
    stub.models = [one for one in stub.models if one is not needed]
    page = opened(f"#{tab}")
    assert words in text_of(page, f"#{tab} .hint")
    assert is_shown(page, f"#{tab} .hint")
    assert not is_shown(page, f"#{tab} .work")


# The page as a whole


def test_the_tab_of_the_only_model_is_open(opened, stub):
    stub.models = [CLASSIFIER]
    page = opened()
    assert is_shown(page, "#classify .work")
    page.run("document.getElementById('tab-classify').focus()")
    page.press("ArrowRight")
    assert is_shown(page, "#images")
    assert page.run("document.activeElement.id") == "tab-images"
    page.press("ArrowLeft")
    assert is_shown(page, "#classify")


def test_light_and_dark(opened, browser):
    page = opened("#texts")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.run(paper)
    browser.prefer("dark")
    page.wait(f"{paper} !== {light!r}")
    page.wait("document.getElementById('theme').ariaPressed === 'true'")
    page.run("document.getElementById('theme').click()")
    assert page.run(paper) == light
    # The old document is complete too, until the new one takes its place.
    page.run("window.isOld = true; location.reload()")
    page.wait(f"!window.isOld && document.readyState === 'complete' && {READY}")
    assert page.run(paper) == light
    browser.prefer("light")


CONTRASTS = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = color => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data] };
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = one => { for (; one; one = one.parentElement) {
    const color = rgb(getComputedStyle(one).backgroundColor); if (color[3] > 250) return color }
    return [255, 255, 255] };
  return [...document.querySelectorAll('body *')].filter(one => one.checkVisibility() &&
      !one.disabled && one.tagName !== 'OPTION' &&
      [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
    .map(one => { const [a, b] = [rgb(getComputedStyle(one).color), behind(one)].map(light);
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one.className || one.tagName,
        one.textContent.slice(0, 30)] })
    .filter(([contrast]) => contrast < 4.5) })()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read(opened, browser, parts, scheme):
    browser.prefer(scheme)
    page = opened("#texts")
    compare(page, "one two\none two three\n" + "long " * 20)
    wait_for(page, "#texts .error", "Expected")
    page.run("document.querySelector('#texts .truncate').click()")
    assert page.run(CONTRASTS) == []
    page.run("document.querySelector('#texts .go').click()")
    wait_for(page, "#texts .status", "compared")
    assert page.run(CONTRASTS) == []
    page.run("document.getElementById('tab-images').click()")
    page.choose_files("#files", parts)
    wait_for(page, "#images .status", "in 3 images")
    assert page.run(CONTRASTS) == []
    page.run("document.getElementById('tab-classify').click()")
    fill(page, "#to-classify", "My parcel is late")
    page.run("document.querySelector('#classify .go').click()")
    wait_for(page, "#classify .status", "classified")
    assert page.run(CONTRASTS) == []
    browser.prefer("light")


def test_a_narrow_screen_needs_no_sideways_scrolling(opened, parts):
    page = opened("#texts", width=360)
    compare(page, "\n".join(f"a rather long text with the number {i}" for i in range(12)))
    wait_for(page, "#texts .status", "compared")
    assert page.run("document.documentElement.scrollWidth") == 360
    page.run("document.getElementById('tab-images').click()")
    page.choose_files("#files", parts)
    wait_for(page, "#images .status", "in 3 images")
    assert page.run("document.documentElement.scrollWidth") == 360
    page.run("document.getElementById('tab-classify').click()")
    fill(page, "#to-classify", "word" * 100)
    page.run("document.querySelector('#classify .truncate').click()")
    page.run("document.querySelector('#classify .go').click()")
    wait_for(page, "#classify .status", "classified")
    assert page.run("document.documentElement.scrollWidth") == 360


def test_every_control_has_a_name(opened, parts):
    page = opened("#images")
    page.choose_files("#files", parts)
    wait_for(page, "#images .status", "in 3 images")
    nameless = page.run("""[...document.querySelectorAll('button, input, select, textarea')]
      .filter(one => !(one.labels?.length || one.textContent.trim() || one.ariaLabel))
      .map(one => one.outerHTML)""")
    assert nameless == []
    assert page.run("document.querySelectorAll('h1').length") == 1
    assert page.run("new Set([...document.querySelectorAll('[id]')].map(one => one.id)).size") == (
        page.run("document.querySelectorAll('[id]').length")
    )


# The reference


DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "embedsvc", "version": "1", "description": "Vectors of `texts`."},
    "paths": {
        "/v1/classify": {
            "post": {
                "summary": "Classify",
                "description": "Say <i>what</i> a text is about.",
                "security": [{"key": []}],
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Ask"}}
                    }
                },
                "responses": {
                    "200": {
                        "description": "Fine",
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Node"}}
                        },
                    },
                    "429": {"description": "Too much."},
                },
            }
        },
        "/v1/anomalies": {
            "post": {
                "requestBody": {
                    "content": {
                        "multipart/form-data": {
                            "schema": {
                                "required": ["image", "model"],
                                "properties": {
                                    "image": {
                                        "type": "array",
                                        "items": {"type": "string", "format": "binary"},
                                    },
                                    "model": {"type": "string", "examples": ["screws"]},
                                },
                            }
                        }
                    }
                },
                "responses": {"200": {"description": "Fine"}},
            }
        },
        "/v1/models/{name}": {
            "get": {
                "parameters": [
                    {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
                ],
                "responses": {},
            }
        },
    },
    "components": {
        "schemas": {
            "Ask": {
                "required": ["input"],
                "properties": {
                    "input": {
                        "anyOf": [
                            {"type": "string"},
                            {"type": "array", "items": {"type": "string"}, "maxItems": 9},
                        ],
                        "description": "A text, or several.",
                    },
                    "how": {"enum": ["a", "b"], "default": "a"},
                    "lost": {"$ref": "#/components/schemas/Nowhere"},
                },
            },
            # A tree has itself within.
            "Node": {
                "properties": {
                    "next": {"anyOf": [{"$ref": "#/components/schemas/Node"}, {"type": "null"}]},
                    "scores": {
                        "type": "array",
                        "items": {"allOf": [{"properties": {"label": {"type": "string"}}}]},
                    },
                }
            },
        }
    },
}


def test_the_reference_is_made_from_the_document(opened, stub):
    stub.document = DOCUMENT
    page = opened("docs", until="document.querySelectorAll('section').length === 4")
    assert texts_of(page, "#contents code") == [
        "/v1/classify",
        "/v1/anomalies",
        "/v1/models/{name}",
    ]
    assert text_of(page, "#lead") == "Vectors of texts.embedsvc, version 1."
    assert "Say <i>what</i> a text is about." in text_of(page, "#post-v1-classify")
    fields = texts_of(page, "#post-v1-classify th code")
    assert fields == ["input", "how", "lost", "next", "scores", "scores[].label"]
    types = texts_of(page, "#post-v1-classify td")
    assert types[0] == "string or list of string (at most 9 items)A text, or several."
    assert types[1] == '"a" or "b", default "a"'
    commands = [shlex.split(one.replace("\\\n", " ")) for one in texts_of(page, "section pre code")]
    assert commands[0] == [
        *("curl", f"{stub.url}v1/classify", "-H", "Authorization: Bearer $EMBEDSVC_API_KEY"),
        *("-H", "Content-Type: application/json", "-d", '{"input":"Where is my parcel?"}'),
    ]
    assert commands[1] == [
        *("curl", f"{stub.url}v1/anomalies", "-F", "model=screws", "-F", "image=@picture.png"),
    ]
    assert commands[2] == ["curl", f"{stub.url}v1/models/name"]
    assert "string in the path" in text_of(page, "#get-v1-models-name-")
    assert texts_of(page, "#errors td") == ["Too much."]


@pytest.mark.parametrize("document", [{}, {"paths": {"/x": {"get": {}}}}], ids=["empty", "bare"])
def test_a_document_with_next_to_nothing(opened, stub, document):
    stub.document = document
    page = opened("docs", until="document.getElementById('lead').textContent !== ''")
    page.wait(f"document.querySelectorAll('section').length === {len(document)}")
    assert not is_shown(page, "#banner")


def test_the_browser_has_what_the_page_needs_and_no_more(opened, stub):
    """Everything was asked of the service itself; `opened` checks the rest."""
    page = opened("#texts")
    names = page.run("performance.getEntriesByType('resource').map(one => one.name)")
    assert names
    assert all(name.startswith(stub.url) for name in names)
    assert os.path.commonprefix(names).startswith(stub.url)
