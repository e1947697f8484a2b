"""What the README says of the service is so."""

from __future__ import annotations

import json
import re
import shlex
import tomllib

import pytest
from readme_examples import README, run
from served import on_a_socket

from embedsvc.server.app import create_app
from embedsvc.server.settings import ServeSettings
from embedsvc.server.settings_sources import load_settings

CHAPTER = README[README.index("## Run it as a service") : README.index("## Python\n")]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", CHAPTER, re.DOTALL)
CURLS = [
    shlex.split(command)
    for kind, block in BLOCKS
    if kind == "sh"
    for command in block.replace("\\\n", " ").splitlines()
    if command.startswith("curl ")
]
HOME = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def address(served_folders):
    settings = ServeSettings(
        models=(f"minilm={served_folders['tiny']}",),
        classifiers=(f"topics={served_folders['multiclass']}",),
    )
    with on_a_socket(create_app(settings)) as found:
        yield found


def test_the_openai_example_runs(address):
    names = run("openai", {HOME: address})
    with names["client"]:
        assert len(names["answer"].data) == 2


@pytest.mark.parametrize("words", CURLS, ids=lambda words: words[1].rpartition("/")[2])
def test_the_curl_commands_are_answered(client, words):
    path = words[1].removeprefix(HOME)
    assert words[1].startswith(HOME)
    if "-F" in words:
        fields = dict(word.split("=", 1) for word in words if "=" in word)
        assert {*fields} <= {"model", "image", "heatmap"}
        return
    if "-d" not in words:
        assert client.get(path).status_code == 200
        return
    body = json.loads(words[words.index("-d") + 1])
    body.pop("model", None)
    assert client.post(path, json=body).status_code == 200


def test_there_are_curl_commands():
    assert len(CURLS) >= 5


def test_every_endpoint_is_in_the_table(client):
    paths = set(client.get("/openapi.json").json()["paths"]) - {"/v1/models/{name}"}
    table = "".join(line for line in CHAPTER.splitlines() if line.startswith("| `"))
    assert paths <= set(re.findall(r"/[\w/.]+", table))


def test_the_settings_file_is_read(tmp_path):
    (block,) = (block for kind, block in BLOCKS if kind == "toml")
    file = tmp_path / "serve.toml"
    file.write_text(block)
    settings = load_settings({}, file)
    assert {"models", "max_concurrent"} <= set(tomllib.loads(block))
    assert settings.max_concurrent == 256


def test_the_example_of_an_error_is_a_real_one(client):
    shown = re.search(r'`(\{"error": .*?\}\})`', CHAPTER.replace("\n", " ")).group(1)
    answer = client.post("/v1/embeddings", json={"input": ["a", None]})
    assert answer.json() == json.loads(shown)


def test_units_stop_later_than_the_service_needs():
    seconds = [int(found) for found in re.findall(r"(?:TimeoutStopSec=|period: )(\d+)", CHAPTER)]
    assert len(seconds) == 2
    assert min(seconds) >= ServeSettings().shutdown_timeout + 10
