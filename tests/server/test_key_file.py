"""Changing a file of API keys."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from embedsvc.errors import InputError, OutputError
from embedsvc.server.api_keys import ApiKeys, hash_key, new_key
from embedsvc.server.key_file import add_key, list_keys, remove_key


def test_added_keys_open_the_door_and_comments_stay(tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text("# ours, no line end", encoding="utf-8")
    made = {name: new_key() for name in ("alice", "batch.7", "3rd-party_x")}
    for name, key in made.items():
        add_key(path, name, key)
    keys = ApiKeys.read(path)
    assert {name: keys.name_of(key) for name, key in made.items()} == {name: name for name in made}
    assert list(list_keys(path)) == list(made)
    remove_key(path, "batch.7")
    assert list(list_keys(path)) == ["alice", "3rd-party_x"]
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ours, no line end\nalice = ")
    assert not any(key in text for key in made.values())


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_the_file_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "keys.toml"
    add_key(path, "alice", new_key())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    add_key(path, "bob", new_key())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_keys_added_at_the_same_time_are_all_there(tmp_path):
    path = tmp_path / "keys.toml"
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda i: add_key(path, f"k{i}", new_key()), range(24)))
    assert set(list_keys(path)) == {f"k{i}" for i in range(24)}


def test_a_link_stays_a_link(tmp_path):
    path, link = tmp_path / "keys.toml", tmp_path / "link.toml"
    add_key(path, "alice", new_key())
    link.symlink_to(path)
    add_key(link, "bob", new_key())
    assert link.is_symlink()
    assert list(list_keys(path)) == ["alice", "bob"]


def test_what_is_refused_leaves_the_file_alone(tmp_path):
    path = tmp_path / "keys.toml"
    key = new_key()
    add_key(path, "alice", key)
    before = path.read_bytes()
    for name, other, said in (
        ("alice", new_key(), "which has a key"),
        ("bob", key, "the one of 'alice'"),
        ("bob", "short", "20 to 512 characters, got 5"),
        ("bob", "x" * 513, "20 to 512"),
        ("bob", "a key with some spaces in it", "without spaces"),
        ("bob", "schlüssel-mit-umlaut-drin", "ASCII"),
        ("a b", new_key(), "a name of letters"),
        ('a" = ""\nb', new_key(), "a name of letters"),
        ("", new_key(), "a name of letters"),
    ):
        with pytest.raises(InputError) as caught:
            add_key(path, name, other)
        assert said in str(caught.value)
        assert other not in str(caught.value)
    with pytest.raises(InputError, match=r"\(alice\), got 'carol'"):
        remove_key(path, "carol")
    assert path.read_bytes() == before


def test_a_name_that_looks_like_another(tmp_path):
    path = tmp_path / "keys.toml"
    for name in ("a", "a-b", "ab"):
        add_key(path, name, new_key())
    remove_key(path, "a")
    assert list(list_keys(path)) == ["a-b", "ab"]


def test_a_key_written_in_a_way_of_its_own_is_left_to_its_writer(tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text(f'"\\u0061" = "{hash_key("x" * 20)}"\n', encoding="utf-8")
    with pytest.raises(InputError, match="with an editor"):
        remove_key(path, "a")


def test_no_place_to_write(tmp_path):
    with pytest.raises(OutputError, match="make its folder"):
        add_key(tmp_path / "none" / "keys.toml", "alice", new_key())
    with pytest.raises(InputError, match="not there"):
        remove_key(tmp_path / "none.toml", "alice")
    with pytest.raises(InputError, match="not there"):
        list_keys(tmp_path / "none.toml")
