"""`embedsvc serve`: its help, and what it refuses before anything is loaded."""

import re
import socket
import subprocess
import sys

import click
import pytest

from embedsvc.cli.serve import serve
from embedsvc.server.settings import ServeSettings
from embedsvc.server.settings_sources import default_of, flag_of


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch):
    import os

    for name in [name for name in os.environ if name.startswith("EMBEDSVC_SERVE_")]:
        monkeypatch.delenv(name)


def test_every_setting_has_its_flag_and_the_help_its_default():
    options = {param.name: param for param in serve.params if isinstance(param, click.Option)}
    assert set(options) == {*ServeSettings.model_fields, "config"}
    for name in ServeSettings.model_fields:
        assert options[name].opts[0] == flag_of(name)
        shown = re.search(r"\[default: (.+?)\]", options[name].help)
        assert shown, name
        value = ServeSettings.model_fields[name].default
        if isinstance(value, bool):
            assert shown[1] == options[name].secondary_opts[0].removeprefix("--")
        elif value:
            assert shown[1] == default_of(name)


def test_every_flag_stands_under_one_heading(invoke):
    shown = invoke("serve", "--help").stdout
    grouped = [name for names in serve.groups.values() for name in names]
    assert sorted(grouped) == sorted({*ServeSettings.model_fields, "config"})
    for heading in serve.groups:
        assert f"\n{heading}:\n" in shown
    for name in ServeSettings.model_fields:
        assert shown.count(f"\n  {flag_of(name)} ") == 1, name
    assert shown.count("embedsvc serve --") >= 3


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--port", "x"), 3, "Expected --port to be a whole number from 0 to 65535, got 'x'"),
        (("--model", "minilmm"), 3, "Did you mean 'minilm'?"),
        (("--model", "a=minilm", "--model", "a=minilm"), 3, "a name of its own"),
        (("--detector", "none"), 4, "Expected a saved detector"),
        (("--api-key-file", "none.toml"), 3, "embedsvc api-key new"),
        (("--config", "none.toml"), 3, "Expected settings in none.toml"),
        (("--host", "192.0.2.1"), 3, "Expected --host to be an address of this machine"),
        (("--cors-origin", "*"), 3, "Name each origin"),
        (("--prot", "1"), 2, "No such option"),
        (("minilm",), 2, "unexpected extra argument"),
    ],
)
def test_what_is_refused(invoke, arguments, code, said):
    result = invoke("serve", "--port", "0", *arguments, exit_code=code)
    assert said in result.stderr
    assert result.stdout == ""


def test_a_port_in_use(invoke):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = invoke("serve", "--port", port, exit_code=3)
    assert f"Expected port {port} of 127.0.0.1 to be free" in result.stderr


def test_flags_variables_and_file_meet(invoke, monkeypatch, tmp_path):
    from embedsvc.server import running

    seen = []
    monkeypatch.setattr(running, "run", lambda settings, **other: seen.append((settings, other)))
    (tmp_path / "serve.toml").write_text("port = 1\nworkers = 2\nmax_items = 3\n")
    monkeypatch.setenv("EMBEDSVC_SERVE_WORKERS", "4")
    invoke("serve", "--config", "serve.toml", "--max-items", "5", "--model", "a=minilm",
           "--model", "minilm", "--truncate")  # fmt: skip
    settings, other = seen[0]
    assert (settings.port, settings.workers, settings.max_items) == (1, 4, 5)
    assert (settings.models, settings.truncate) == (("a=minilm", "minilm"), True)
    assert set(other) == {"say", "quiet"}


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "pydantic_settings"])
def test_a_missing_extra_is_named(missing, tmp_path):
    code = (
        "import sys\n"
        f"sys.modules[{missing!r}] = None\n"
        "from embedsvc.cli.main import main\n"
        "main(['serve', '--port', '0'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 4
    assert done.stderr.startswith("Error: Expected the packages of the service, got no ")
    assert 'pip install "embedsvc[serve]"' in done.stderr


def test_others_are_warned_of(monkeypatch):
    from embedsvc.server import running, serving

    said = []

    class Stop(Exception):
        pass

    def stop(*arguments):
        raise Stop

    monkeypatch.setattr(serving, "serve", stop)
    for host in ("127.0.0.1", "0.0.0.0"):
        with pytest.raises(Stop):
            running.run(ServeSettings(host=host, port=0), say=said.append)
    assert len(said) == 1
    assert "Whoever reaches 0.0.0.0 can use this service" in said[0]
    assert "embedsvc api-key new" in said[0]
