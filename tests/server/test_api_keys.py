"""Reading API keys, and comparing them."""

import hashlib
import hmac
import os

import pytest

from embedsvc.errors import InputError
from embedsvc.server.api_keys import ApiKeys, hash_key, new_key


@pytest.fixture
def key_file(tmp_path):
    def write(text, *, mode=0o600):
        path = tmp_path / "keys.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    return write


def test_each_key_has_its_name(key_file):
    alice, bob = new_key(), new_key()
    keys = ApiKeys.read(key_file(f'alice = "{hash_key(alice)}"\n"b.7" = "{hash_key(bob)}"\n'))
    assert (keys.name_of(alice), keys.name_of(bob)) == ("alice", "b.7")
    assert keys.notes == ()


@pytest.mark.parametrize(
    "change", [str.upper, str.strip, lambda key: key[:-1], lambda key: key + " "]
)
def test_nothing_else_is_a_key(key_file, change):
    key = new_key()
    keys = ApiKeys.read(key_file(f'alice = "{hash_key(key)}"'))
    changed = change(key)
    assert keys.name_of(changed) == ("alice" if changed == key else None)
    for other in ("", "é" * 10, "\ud800", hash_key(key), hashlib.sha256(key.encode()).hexdigest()):
        assert keys.name_of(other) is None


def test_every_hash_is_compared_in_constant_time(key_file, monkeypatch):
    made = [new_key() for _ in range(5)]
    keys = ApiKeys.read(key_file("".join(f'k{i} = "{hash_key(k)}"\n' for i, k in enumerate(made))))
    compared = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append(b) or real(a, b))
    assert keys.name_of(made[0]) == "k0"
    assert len(compared) == 5


def test_keys_are_random_and_can_be_told_from_other_texts():
    made = {new_key() for _ in range(100)}
    assert len(made) == 100
    assert all(key.startswith("embedsvc_") and len(key) == 52 for key in made)


HASH = hash_key("x" * 20)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at least one API key"),
        ("# nothing\n", "embedsvc api-key new NAME"),
        ('alice = "my-own-secret-key-in-the-clear"', "hashes only"),
        ("alice = 12345678", "hashes only"),
        (f'alice = "{HASH[:-1]}"', "64 of the digits"),
        (f'alice = "{HASH.upper()}"', "64 of the digits"),
        (f'alice = "{HASH}"\nalice = "{HASH}"', "each name once"),
        (f'alice = "{HASH}"\nbob = "{HASH}"', "the same for 'alice' and 'bob'"),
        (f'[keys]\nalice = "{HASH}"', "a table named 'keys'"),
        (f'"al ice" = "{HASH}"', "letters, digits"),
        ("alice: x", "Expected lines NAME"),
        (b"\xff\xfe", "UTF-8"),
        (b"#" * 1_100_000, "1,048,576 bytes"),
    ],
)
def test_files_that_are_refused(key_file, text, said):
    path = key_file(text)
    with pytest.raises(InputError) as caught:
        ApiKeys.read(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_key_in_the_clear_is_not_repeated(key_file):
    with pytest.raises(InputError) as caught:
        ApiKeys.read(key_file('alice = "my-own-secret-key-in-the-clear"'))
    assert "my-own-secret" not in str(caught.value)
    assert "embedsvc api-key add alice" in str(caught.value)


def test_no_file(tmp_path):
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(InputError, match="embedsvc api-key new NAME"):
            ApiKeys.read(path)


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_is_noted(key_file, mode):
    keys = ApiKeys.read(key_file(f'alice = "{HASH}"', mode=mode))
    assert len(keys.notes) == 1
    assert "chmod 600" in keys.notes[0]
