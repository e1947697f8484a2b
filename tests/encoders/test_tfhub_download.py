"""Fetching SavedModels from a host on this machine that speaks the hub's protocol, or nowhere."""

import io
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from embedsvc.encoders import tfhub_download
from embedsvc.encoders.tfhub_download import fetch
from embedsvc.encoders.tfhub_handles import Source
from embedsvc.errors import MissingExtraError, OfflineError, WeightsError

HANDLE = "somebody/bert/tensorFlow2/mine/3"


def archive(members: dict[str, bytes], *, kind: bytes = tarfile.REGTYPE) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(mode="w:gz", fileobj=buffer) as tar:
        folder = tarfile.TarInfo("variables")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.type = len(content), kind
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


GOOD = archive({"saved_model.pb": b"graph", "variables/variables.index": b"index"})


class Host:
    """A hub on this machine: what it answers by path, and what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.asked: list[str] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked.append(self.path)
                answer = host.answers.get(self.path)
                self.send_response(200 if answer is not None else 404)
                self.end_headers()
                self.wfile.write(answer or b"")

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/tensorflow/tiny_bert/2"
        self.path = "/tensorflow/tiny_bert/2?tf-hub-format=compressed"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    host = Host()
    thread = threading.Thread(target=host.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield host
    host.server.shutdown()
    host.server.server_close()
    thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMBEDSVC_HOME", str(tmp_path))
    for name in ("EMBEDSVC_OFFLINE", "TFHUB_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], list[str]]:
    """Makes kagglehub download the given error, or an empty SavedModel; returns what was asked."""
    kagglehub = pytest.importorskip("kagglehub")

    def answer_with(error: Exception | None) -> list[str]:
        asked: list[str] = []

        def download(handle: str, *, output_dir: str) -> str:
            asked.append(handle)
            sys.stdout.write("a line for stdout")
            (Path(output_dir) / "saved_model.pb").write_bytes(b"graph")
            if error is not None:
                raise error
            return output_dir

        monkeypatch.setattr(kagglehub, "model_download", download)
        return asked

    return answer_with


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_is_its_own_answer(tmp_path: Path):
    assert fetch(Source("folder", str(tmp_path))) == tmp_path


def test_a_url_is_fetched_once(host: Host, cache: Path, monkeypatch: pytest.MonkeyPatch):
    host.answers[host.path] = GOOD
    folder = fetch(Source("url", host.url))
    assert folder.parent == cache / "tfhub"
    assert names(folder) == ["saved_model.pb", "variables/variables.index"]
    assert (folder / "saved_model.pb").read_bytes() == b"graph"
    monkeypatch.setenv("EMBEDSVC_OFFLINE", "1")
    assert fetch(Source("url", host.url)) == folder
    assert host.asked == [host.path]


def test_a_url_with_a_query(host: Host, cache: Path):
    host.answers["/a.tar.gz?key=1&tf-hub-format=compressed"] = GOOD
    url = host.url.replace("/tensorflow/tiny_bert/2", "/a.tar.gz?key=1")
    assert (fetch(Source("url", url)) / "saved_model.pb").is_file()


def test_a_cache_that_tensorflow_hub_was_given(
    host: Host, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(cache / "of-the-user"))
    host.answers[host.path] = GOOD
    assert fetch(Source("url", host.url)).parent == cache / "of-the-user"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "HTTP Error 404"),
        (b"<html>not here</html>", "truncated|not a|empty|invalid|could not be opened"),
        (GOOD[: len(GOOD) // 2], "."),
        (archive({"../outside": b"x"}), "Relative path"),
        (archive({"link": b""}, kind=tarfile.SYMTYPE), "Unexpected object type"),
    ],
    ids=["missing", "a page", "truncated", "outside", "link"],
)
def test_what_is_no_archive_is_refused(host: Host, cache: Path, answer, reason: str):
    if answer is not None:
        host.answers[host.path] = answer
    with pytest.raises(WeightsError, match=f"Expected to download '{host.url}'.*{reason}"):
        fetch(Source("url", host.url))
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_an_endless_archive_is_stopped(host: Host, cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tfhub_download, "_MAX_BYTES", 4)
    host.answers[host.path] = GOOD
    with pytest.raises(WeightsError, match="Expected at most 4 B behind http"):
        fetch(Source("url", host.url))
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_nobody_answers(host: Host, cache: Path):
    host.server.server_close()
    with pytest.raises(WeightsError, match="or download it elsewhere and pass folders"):
        fetch(Source("url", host.url))


def test_a_cache_that_cannot_be_written(host: Host, cache: Path):
    (cache / "tfhub").write_text("a file where the folder should be")
    with pytest.raises(WeightsError, match="Check the handle, the network and the disk"):
        fetch(Source("url", host.url))


@pytest.mark.parametrize("kind", ["url", "kaggle"])
def test_offline_says_what_to_do(kind, host: Host, cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EMBEDSVC_OFFLINE", "1")
    address = host.url if kind == "url" else HANDLE
    with pytest.raises(OfflineError, match=r"copy that folder, or pass local folders: tfhub:"):
        fetch(Source(kind, address))
    assert not host.asked
    assert not list(cache.iterdir())


def test_without_tensorflow_hub(cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tensorflow-hub.*'setuptools<82'"):
        fetch(Source("url", "https://tfhub.dev/a/b/1"))


def test_kaggle_is_asked_once(cache: Path, kaggle, capsys, monkeypatch: pytest.MonkeyPatch):
    asked = kaggle(None)
    folder = fetch(Source("kaggle", HANDLE))
    assert folder == cache / "kaggle" / HANDLE
    assert names(folder.parent) == ["3/saved_model.pb"]
    monkeypatch.setenv("EMBEDSVC_OFFLINE", "1")
    assert fetch(Source("kaggle", HANDLE)) == folder
    assert asked == [HANDLE]
    assert capsys.readouterr().out == ""


def test_somebody_else_was_faster(cache: Path, kaggle, monkeypatch: pytest.MonkeyPatch):
    kagglehub = pytest.importorskip("kagglehub")
    folder = cache / "kaggle" / HANDLE

    def download(handle: str, *, output_dir: str) -> str:
        folder.mkdir(parents=True)
        (folder / "theirs").write_text("")
        return output_dir

    monkeypatch.setattr(kagglehub, "model_download", download)
    assert names(fetch(Source("kaggle", HANDLE))) == ["theirs"]
    assert [path.name for path in folder.parent.iterdir()] == ["3"]


@pytest.mark.parametrize("kind", [ConnectionError, ValueError, "NotFoundError", "BackendError"])
def test_kaggle_cannot_be_reached(kind, cache: Path, kaggle):
    if isinstance(kind, str):
        kind = getattr(pytest.importorskip("kagglehub").exceptions, kind)
    kaggle(kind("no such model.\nand a long story"))
    with pytest.raises(WeightsError, match=f"'kaggle:{HANDLE}' into .*, got: no such model\\. "):
        fetch(Source("kaggle", HANDLE))
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_kaggle_needs_its_client(cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'embedsvc\[kaggle\]'"):
        fetch(Source("kaggle", HANDLE))


def test_kaggle_cannot_be_stored(cache: Path):
    (cache / "kaggle").write_text("a file where the folder should be")
    with pytest.raises(WeightsError, match="into .*kaggle"):
        fetch(Source("kaggle", HANDLE))
