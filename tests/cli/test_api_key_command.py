"""`embedsvc api-key`: what it prints where, and what it refuses."""

from embedsvc.server.api_keys import ApiKeys


def test_a_new_key_is_printed_once_and_works(invoke, tmp_path):
    result = invoke("api-key", "new", "alice", "--file", "keys.toml")
    key = result.stdout.strip()
    assert result.stdout == f"{key}\n"
    assert "shown only now" in result.stderr
    assert key not in result.stderr
    assert ApiKeys.read(tmp_path / "keys.toml").name_of(key) == "alice"
    assert key not in (tmp_path / "keys.toml").read_text()
    assert invoke("api-key", "list").stdout == "alice\n"  # keys.toml is the default


def test_a_key_of_ones_own(invoke, tmp_path):
    result = invoke("api-key", "add", "bob", stdin="0123456789-0123456789\nmore\n")
    assert result.stdout == ""
    assert ApiKeys.read(tmp_path / "keys.toml").name_of("0123456789-0123456789") == "bob"
    refused = invoke("api-key", "add", "carol", stdin="short\n", exit_code=3)
    assert "20 to 512 characters, got 5" in refused.stderr
    assert invoke("api-key", "add", "carol", stdin="", exit_code=3).stderr.count("got 0") == 1
    assert "got 515" in invoke("api-key", "add", "x", stdin="y" * 9000, exit_code=3).stderr


def test_removing(invoke):
    invoke("api-key", "new", "alice")
    assert "which has a key" in invoke("api-key", "new", "alice", exit_code=3).stderr
    assert "Removed" in invoke("api-key", "remove", "alice").stderr
    assert invoke("api-key", "list").stdout == ""
    assert "it has none" in invoke("api-key", "remove", "alice", exit_code=3).stderr


def test_no_place_to_write(invoke):
    result = invoke("api-key", "new", "a", "--file", "none/keys.toml", exit_code=5)
    assert result.stdout == ""  # no key that is kept nowhere
    assert "make its folder" in result.stderr
