"""Where settings come from, which source wins, and what is said of those that cannot be."""

import json

import pytest

from embedsvc.errors import InputError
from embedsvc.server.settings import ServeSettings
from embedsvc.server.settings_sources import default_of, expected, flag_of, load_settings


@pytest.fixture
def toml(tmp_path):
    def write(text):
        path = tmp_path / "serve.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_flags_win_over_the_environment_and_that_over_the_file(toml, monkeypatch):
    path = toml('port = 1\nhost = "file"\nworkers = 2\nmodels = ["a", "b"]\n')
    monkeypatch.setenv("EMBEDSVC_SERVE_HOST", "variable")
    monkeypatch.setenv("EMBEDSVC_SERVE_PORT", "2")
    found = load_settings({"port": "3", "workers": None, "models": ()}, path)
    assert (found.port, found.host, found.workers) == (3, "variable", 2)
    assert found.models == ("a", "b")
    # A list that is given replaces the one below.
    assert load_settings({"models": ("c",)}, path).models == ("c",)
    assert found.max_items == ServeSettings.model_fields["max_items"].default


def test_the_file_may_be_named_by_a_variable(toml, monkeypatch):
    monkeypatch.setenv("EMBEDSVC_SERVE_CONFIG", str(toml("port = 7")))
    assert load_settings({}).port == 7
    assert load_settings({"port": 8}).port == 8


@pytest.mark.parametrize(
    ("text", "models"),
    [
        ("minilm", ("minilm",)),
        ("minilm, x=y ,", ("minilm", "x=y")),
        ('["a,b", "c"]', ("a,b", "c")),
        ("[]", ()),
        ("", ()),
    ],
)
def test_lists_in_the_environment(monkeypatch, text, models):
    monkeypatch.setenv("EMBEDSVC_SERVE_MODELS", text)
    assert load_settings({}).models == models
    assert ServeSettings().models == models


def test_switches_and_choices(toml, monkeypatch):
    monkeypatch.setenv("EMBEDSVC_SERVE_TRUNCATE", "yes")
    found = load_settings({"log_texts": False}, toml('log_format = "json"\nlog_texts = true'))
    assert (found.truncate, found.log_texts, found.log_format) == (True, False, "json")


def test_settings_are_the_same_after_a_journey_to_another_process():
    before = ServeSettings(models=("a", "b=c"), port=1, api_key_file="keys.toml", truncate=True)
    assert ServeSettings.model_validate_json(before.model_dump_json()) == before


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("port", "80x", "--port to be a whole number from 0 to 65535, got '80x'"),
        ("port", 70_000, "got 70000"),
        ("workers", "0", "--workers to be a whole number of at least 1, got '0'"),
        ("batch_wait_ms", "-1", "--batch-wait-ms to be a number from 0 to 1000"),
        ("request_timeout", "0", "a number above 0, at most 86400"),
        ("request_timeout", float("inf"), "got inf"),
        ("body_timeout", "nan", "--body-timeout"),
        ("max_batch_tokens", "many", "--max-batch-tokens to be a whole number of at least 1"),
        ("log_format", "xml", "--log-format to be auto or json or text"),
        ("truncate", "maybe", "--truncate to be true or false"),
        ("host", "", "--host to be a text that is not empty"),
        ("models", 3, "--model to be a list of texts"),
        ("cors_origins", "[1", "--cors-origin to be a list of texts"),
    ],
)
def test_values_that_cannot_be(name, value, said):
    with pytest.raises(InputError) as caught:
        load_settings({name: value})
    assert said in str(caught.value)
    assert f"for the default: {default_of(name)}." in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_the_message_says_where_it_was_given(toml, monkeypatch):
    path = toml('port = "x"\nworkers = 0\n')
    with pytest.raises(InputError, match=rf"Expected port in {path} to be .* 1 more of the set"):
        load_settings({}, path)
    monkeypatch.setenv("EMBEDSVC_SERVE_PORT", "y")
    with pytest.raises(InputError, match="the variable EMBEDSVC_SERVE_PORT to be .*, got 'y'"):
        load_settings({"workers": 1}, path)


def test_long_values_are_not_repeated_whole():
    with pytest.raises(InputError) as caught:
        load_settings({"port": "9" * 100_000})
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "Did you mean port?"),
        ('model = "minilm"', "Did you mean models?"),
        ("xyzzy = 1", "Correct or remove it."),
        ("[serve]\nport = 1", "got 'serve'"),
        ("port 1", "Expected settings in TOML"),
        ("port = 1\nport = 2", "Expected settings in TOML"),
        (b"\xff", "Expected settings in TOML"),
        ("#" * 1_100_000, "more than 1,048,576 bytes"),
        ("x = " + "[" * 5_000, "Expected settings in TOML"),
    ],
)
def test_files_that_are_refused(toml, text, said):
    path = toml(text)
    with pytest.raises(InputError) as caught:
        load_settings({}, path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_no_file(tmp_path, monkeypatch):
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(InputError, match="Check --config and EMBEDSVC_SERVE_CONFIG"):
            load_settings({}, path)
    monkeypatch.setenv("EMBEDSVC_SERVE_CONFIG", "none.toml")
    with pytest.raises(InputError, match="Expected settings in none.toml"):
        load_settings({})


@pytest.mark.parametrize("name", ["EMBEDSVC_SERVE_MODEL", "embedsvc_serve_prot"])
def test_unknown_variables(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    with pytest.raises(InputError, match="models, classifiers.*Did you mean EMBEDSVC_SERVE_"):
        load_settings({})


@pytest.mark.parametrize("name", ServeSettings.model_fields)
def test_every_setting_has_words_a_flag_and_can_travel(name):
    assert expected(name)
    assert default_of(name)
    assert flag_of(name).startswith("--")
    value = ServeSettings().model_dump(mode="json")[name]
    if value not in (None, []):
        assert getattr(load_settings({name: str(value)}), name) == getattr(ServeSettings(), name)
    assert json.dumps(value)
