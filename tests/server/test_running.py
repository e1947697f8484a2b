"""The service as a process: from its start to its end, in one process and in several."""

import http.client
import json
import os
import re
import signal
import threading
import time
import urllib.error
from collections import Counter

import psutil
import pytest
from serve_process import served
from tiny_folders import write_tiny_bert

BODY = json.dumps({"input": ["a late parcel", "another"]}).encode()
HEADERS = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("models") / "tiny")


def ask_until_refused(port, seen):
    """Ask again and again, as long as the service takes connections; count how it went."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while True:
        try:
            connection.request("POST", "/v1/embeddings", BODY, HEADERS)
            answer = connection.getresponse()
            answer.read()
            seen[answer.status] += 1
        except ConnectionRefusedError:
            return
        except (OSError, http.client.HTTPException) as err:
            seen[repr(err)] += 1
            return


def test_one_process_from_start_to_end(tiny_folder, tmp_path):
    with served("--model", f"t={tiny_folder}", "--log-format", "json", cwd=tmp_path) as service:
        assert service.lines[0] == f"Listening on {service.url} (loading t) ..."
        # It answers before its models are there.
        assert json.loads(service.get("/healthz")) == {"status": "ok"}
        with pytest.raises(urllib.error.HTTPError) as refused:
            service.get("/readyz")
        with refused.value:
            assert refused.value.code == 503
        ready = service.wait_for("Ready after")
        assert re.fullmatch(
            rf"Ready after [\d.]+ s: POST {service.url}/v1/embeddings, page {service.url}/", ready
        )
        assert len(service.post("/v1/embeddings", input="a")["data"][0]["embedding"]) == 8

        # Stopped under load, nothing that was accepted is lost.
        seen = Counter()
        port = int(service.url.rpartition(":")[2])
        clients = [threading.Thread(target=ask_until_refused, args=(port, seen)) for _ in range(8)]
        for client in clients:
            client.start()
        deadline = time.monotonic() + 30
        while seen[200] < 100 and time.monotonic() < deadline:
            time.sleep(0.01)
        before = seen[200]
        service.process.send_signal(signal.SIGTERM)
        for client in clients:
            client.join(60)
        assert service.end() == 0
        assert before >= 100
        assert seen[200] > before  # it went on for a moment
        assert set(seen) == {200}
        logged = [json.loads(line) for line in service.lines if line.startswith("{")]
        assert sum(one.get("route") == "/v1/embeddings" for one in logged) == seen[200] + 1
        # Nothing else stands on stderr: no chatter of native libraries, no traceback.
        rest = [line for line in service.lines if not line.startswith("{")]
        assert [line.split()[0] for line in rest] == ["Listening", "Ready", "Stopping"]
        assert service.process.stdout.read() == ""


def test_a_model_that_cannot_be_loaded(tiny_folder, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text('{"model_type": "cake"}')
    with served("--model", "broken", cwd=tmp_path) as service:
        assert service.end() == 4
        assert service.lines[0].startswith("Listening on ")
        assert service.lines[1].startswith("Error: Expected ")
        assert "broken" in service.lines[1]
        assert len(service.lines) == 2


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_stop_while_models_load_does_not_wait_for_them(tiny_folder, tmp_path):
    with served("--model", tiny_folder, cwd=tmp_path) as service:
        service.process.send_signal(signal.SIGINT)
        assert service.end() == 0
        assert [line.split()[0] for line in service.lines] == ["Listening", "Stopping"]


def processes_of(service):
    """The processes that serve."""
    children = psutil.Process(service.process.pid).children()
    return [one for one in children if "spawn_main" in " ".join(one.cmdline())]


def requests_counted(service):
    """Of /v1/embeddings, over all processes."""
    found = re.findall(
        r'^embedsvc_requests_total\{.*route="/v1/embeddings".*\} ([\d.]+)$',
        service.get("/metrics"),
        re.MULTILINE,
    )
    return sum(map(float, found))


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_two_processes(tiny_folder, tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    arguments = ("--model", f"t={tiny_folder}", "--workers", "2", "--log-format", "text")
    with served(*arguments, cwd=tmp_path, TMPDIR=str(temporary)) as service:
        service.wait_for("Ready after")
        first = processes_of(service)
        assert len(first) == 2
        cores = [set(one.cpu_affinity()) for one in first]
        if len(os.sched_getaffinity(0)) > 1:
            assert not cores[0] & cores[1]
        assert [len(list(temporary.glob("embedsvc-metrics-*")))] == [1]
        for _ in range(20):
            service.post("/v1/embeddings", input="a")
        # Each process answers with the numbers of both.
        assert {requests_counted(service) for _ in range(6)} == {20}

        # One that dies is replaced, on the cores it had, and what was counted stays.
        first[0].kill()
        service.wait_for("A process was ended by SIGKILL; another takes its place.")
        assert service.post("/v1/embeddings", input="a")["model"] == "t"
        second = processes_of(service)
        assert len(second) == 2
        assert first[1] in second
        assert requests_counted(service) == 21

        # A terminal sends Ctrl-C to all; each then stops once, gently.
        for one in (*second, psutil.Process(service.process.pid)):
            one.send_signal(signal.SIGINT)
        assert service.end() == 0
        assert not any(one.is_running() for one in second)
        assert not list(temporary.iterdir())
        assert "Traceback" not in service.stderr
        assert [line.split()[0] for line in service.lines if not line.startswith("2")] == [
            "Listening",
            "Ready",
            "A",
            "Stopping",
        ]
