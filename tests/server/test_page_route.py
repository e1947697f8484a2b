"""The files of the pages over HTTP, and what is in them."""

import re
from importlib import resources

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from embedsvc.server.routes.page import CONTENT_SECURITY_POLICY, router

FILES = {
    file.name: file.read_text(encoding="utf-8")
    for file in (resources.files("embedsvc.server") / "page").iterdir()
    if file.is_file()
}
PAGES = {"/": "index.html", "/docs": "docs.html"}
PATHS = {**PAGES, **{f"/page/{name}": name for name in FILES if not name.endswith(".html")}}
TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@pytest.fixture(scope="module")
def client():
    app = FastAPI(docs_url=None, redoc_url=None)
    app.include_router(router())
    return TestClient(app)


@pytest.mark.parametrize("path", sorted(PATHS))
def test_every_file_is_served_with_its_type_and_policy(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.text == FILES[PATHS[path]]
    assert answer.headers["content-type"] == TYPES[PATHS[path].rsplit(".", 1)[1]]
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["cache-control"] == "no-cache"


def test_the_policy_lets_nothing_in_and_no_inline_code_run():
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY


@pytest.mark.parametrize(
    "if_none_match",
    ["{etag}", "W/{etag}", '"other", {etag}', "*"],
    ids=["own", "weak", "list", "*"],
)
def test_a_file_that_a_browser_has_is_not_sent_again(client, if_none_match):
    etag = client.get("/page/page.css").headers["etag"]
    known = {"if-none-match": if_none_match.format(etag=etag)}
    answer = client.get("/page/page.css", headers=known)
    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["etag"] == etag
    assert client.get("/page/page.js", headers={"if-none-match": etag}).status_code == 200


def test_head_has_no_body(client):
    answer = client.head("/")
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["etag"] == client.get("/").headers["etag"]


@pytest.mark.parametrize(
    "path",
    [
        "/page/",
        "/page/index.html",
        "/page/unknown.js",
        "/page/../page.py",
        "/page/%2e%2e/settings.py",
        "/page/..%2fsettings.py",
        "/page//etc/passwd",
        "/page/page.css%00",
        "/index.html",
    ],
)
def test_nothing_else_is_served(client, path):
    assert client.get(path).status_code == 404


def test_the_pages_are_not_in_the_openapi_document(client):
    assert client.get("/openapi.json").json()["paths"] == {}


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_asks_for_nothing_from_outside(name):
    namespace = "http://www.w3.org/2000/svg"
    text = FILES[name].replace(namespace, "")
    assert not re.search(r"(https?:|wss?:)?//[\w.-]+\.\w", text), "an address elsewhere"
    assert not re.search(r"(?:href|src)=[\"']/", text), "an address that a prefix would break"
    assert "@import" not in text


@pytest.mark.parametrize("name", sorted(name for name in FILES if name.endswith(".html")))
def test_a_page_has_no_code_or_style_within(name):
    text = FILES[name]
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    for path in re.findall(r"(?:href|src)=\"(page/[^\"]+)\"", text):
        assert f"/{path}" in PATHS


@pytest.mark.parametrize("name", sorted(name for name in FILES if name.endswith(".js")))
def test_a_script_makes_no_markup_from_text(name):
    markup = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    assert not re.search(markup, FILES[name])
    for imported in re.findall(r"from \"\./([^\"]+)\"", FILES[name]):
        assert imported in FILES


def test_a_page_starts_with_all_its_modules_at_once():
    def needed(name, found):
        for imported in re.findall(r"from \"\./([^\"]+)\"", FILES[name]):
            if imported not in found:
                found.add(imported)
                needed(imported, found)
        return found

    for page, start in (("index.html", "page.js"), ("docs.html", "docs.js")):
        preloaded = set(re.findall(r"modulepreload\" href=\"page/([^\"]+)\"", FILES[page]))
        assert preloaded == needed(start, set())
