"""The text encoder: parity, independence, long texts, bad texts, streams, scikit-learn."""

import copy
import itertools
import json
import threading

import numpy as np
import pytest
from goldens.texts import golden_texts, texts_sha256
from safetensors import safe_open
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import embedsvc.encoders.text as text_module
from embedsvc.catalogue.cards import get_model
from embedsvc.encoders.text import EncodeInfo, TextEncoder
from embedsvc.errors import InputError

DIM = 8


def words(n):
    """A text of n tokens in the tiny model, special tokens aside."""
    return " ".join("abcdefghij"[i % 10] for i in range(n))


# Parity with another implementation


@pytest.fixture(scope="module")
def golden(request):
    path = request.config.rootpath / "tests" / "goldens" / "minilm.safetensors"
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        return tensors, file.metadata()


@pytest.fixture(scope="module")
def minilm_vectors(minilm):
    return minilm.encode(golden_texts(), return_info=True)


@pytest.mark.golden
def test_the_golden_texts_are_those_of_the_golden_values(golden):
    tensors, metadata = golden
    assert metadata["texts_sha256"] == texts_sha256()
    assert len(golden_texts()) == len(tensors["first_8"]) >= 500
    assert "sentence-transformers" in json.loads(metadata["made_with"])


@pytest.mark.golden
def test_vectors_are_those_of_sentence_transformers(golden, minilm_vectors):
    tensors, (vectors, _) = golden[0], minilm_vectors
    expected = tensors["vectors_of_even"].astype(np.float64)
    got = vectors[::2].astype(np.float64)
    norms = np.linalg.norm(expected, axis=1) * np.linalg.norm(got, axis=1)
    cosines = (expected * got).sum(axis=1) / norms
    worst = int(cosines.argmin())
    assert cosines.min() >= 0.99999, f"{cosines.min()} for {golden_texts()[2 * worst]!r:.80}"


@pytest.mark.golden
def test_components_are_those_of_sentence_transformers(golden, minilm_vectors):
    difference = np.abs(golden[0]["first_8"] - minilm_vectors[0][:, :8]).max(axis=1)
    worst = int(difference.argmax())
    assert difference.max() <= 5e-6, f"{difference.max()} for {golden_texts()[worst]!r:.80}"


@pytest.mark.golden
def test_token_counts_are_those_of_transformers(golden, minilm, minilm_vectors):
    n_tokens, info = golden[0]["n_tokens"], minilm_vectors[1]
    np.testing.assert_array_equal(info.n_tokens, n_tokens)
    np.testing.assert_array_equal(info.truncated, n_tokens > 256)
    assert info.truncated.sum() > 40
    np.testing.assert_array_equal(minilm.token_counts(golden_texts()), n_tokens)


@pytest.mark.golden
def test_the_golden_values_of_the_model_card(minilm):
    golden = json.loads(get_model("minilm").golden.read_text(encoding="utf-8"))
    vectors = minilm.encode([result["text"] for result in golden["results"]])
    assert len(vectors) == 8
    for vector, result in zip(vectors, golden["results"], strict=True):
        np.testing.assert_allclose(vector[:8], result["first_8"], atol=5e-6)


def test_vectors_have_length_1(minilm, minilm_vectors):
    vectors = minilm_vectors[0]
    assert minilm.dim == 384
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(golden_texts()), 384))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


# Independence of everything but the text


def largest_difference(a, b):
    return float(np.abs(a - b).max())


@pytest.fixture(scope="module")
def some(minilm, minilm_folder):
    """Short and long texts, and their vectors."""
    del minilm_folder
    texts = golden_texts()[3:400:7]
    return texts, minilm.encode(texts)


@pytest.mark.parametrize("batch_tokens", [1, 100, 4096])
def test_batch_size_does_not_matter(minilm, some, batch_tokens):
    texts, vectors = some
    difference = largest_difference(minilm.encode(texts, batch_tokens=batch_tokens), vectors)
    assert difference <= 1e-5, f"largest difference {difference}"


def test_order_does_not_matter(minilm, some):
    texts, vectors = some
    order = np.random.default_rng(0).permutation(len(texts))
    shuffled = minilm.encode([texts[i] for i in order])
    difference = largest_difference(shuffled, vectors[order])
    assert difference <= 1e-5, f"largest difference {difference}"


def test_neighbours_do_not_matter(minilm, some):
    texts, vectors = some
    among_others = minilm.encode(["an unusual neighbour", *texts[:20:2], "w " * 300])[1:-1]
    difference = largest_difference(among_others, vectors[:20:2])
    assert difference <= 1e-5, f"largest difference {difference}"
    alone = np.concatenate([minilm.encode([text]) for text in texts[:10]])
    difference = largest_difference(alone, vectors[:10])
    assert difference <= 1e-5, f"largest difference {difference}"


def test_workers_and_windows_do_not_matter(minilm_folder, minilm, some):
    texts, vectors = some[0][:30], some[1][:30]
    encoder = TextEncoder(minilm_folder, batch_tokens=300)
    for workers in (1, 3):
        encoder.set_params(workers=workers)
        windows = list(encoder.encode_stream(texts, window=11))
        assert [len(window.vectors) for window in windows] == [11, 11, 8]
        joined = np.concatenate([window.vectors for window in windows])
        difference = largest_difference(joined, vectors)
        assert difference <= 1e-5, f"largest difference {difference}"


def test_the_same_window_gives_the_same_bits(minilm, some):
    texts = some[0][:24]
    first, *others = minilm.encode_windows([texts, texts, texts])
    for other in others:
        np.testing.assert_array_equal(other.vectors, first.vectors)


def test_threads_may_share_an_encoder(tiny_bert_folder):
    encoder = TextEncoder(tiny_bert_folder())
    texts = [words(n) for n in range(20)]
    results, networks = [None] * 4, [None] * 4

    def work(i):
        results[i], networks[i] = encoder.encode(texts), encoder.network

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, networks))) == 1
    for result in results:
        np.testing.assert_allclose(result, results[0], atol=1e-5)


# Texts


def test_no_texts(tiny):
    vectors, info = tiny.encode([], return_info=True)
    assert (vectors.shape, vectors.dtype) == ((0, DIM), np.float32)
    assert (info.n_tokens.shape, info.n_tokens.dtype) == ((0,), np.int32)
    assert (info.truncated.shape, info.truncated.dtype) == ((0,), np.bool_)
    assert list(tiny.encode_stream([])) == []
    (empty,) = tiny.encode_windows([[]])
    assert empty.vectors.shape == (0, DIM)
    assert tiny.token_counts([]).shape == (0,)


def test_the_empty_text_is_a_text(tiny):
    vectors = tiny.encode(["", " "])
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)


@pytest.mark.parametrize("text", ["", "one string"])
def test_one_string_is_refused(tiny, text):
    for call in (tiny.encode, tiny.transform, lambda text: list(tiny.encode_stream(text))):
        with pytest.raises(InputError, match=r"got one string, .*encode\(\[text\]\)"):
            call(text)


@pytest.mark.parametrize("bad", [None, float("nan"), b"bytes", 3, ["a"]])
def test_what_is_no_string_is_refused_with_its_position(tiny, bad):
    message = rf"got {type(bad).__name__} .* at position 3\. Drop it or convert"
    with pytest.raises(InputError, match=message):
        tiny.encode(["a", "b", "c", bad])
    with pytest.raises(InputError, match=message):
        list(tiny.encode_stream(["a", "b", "c", bad], window=2))
    with pytest.raises(InputError, match=message):
        tiny.token_counts(["a", "b", "c", bad])


def test_a_lone_surrogate_is_refused(tiny):
    with pytest.raises(InputError, match=r"the lone surrogate U\+DCFF at character 1"):
        tiny.encode(["fine", "x\udcff"])


def test_any_iterable_will_do(tiny):
    texts = ["a b", "c", "the d"]
    expected = tiny.encode(texts)
    forms = [
        tuple(texts),
        iter(texts),
        (text for text in texts),
        np.array(texts),
        dict.fromkeys(texts),
    ]
    for form in forms:
        np.testing.assert_array_equal(tiny.encode(form), expected)


def test_arguments_are_not_changed(tiny):
    texts = ["b", "a b c d", "a", "b"]
    tiny.encode(texts)
    assert texts == ["b", "a b c d", "a", "b"]


def test_repeated_texts_are_computed_once(tiny_bert_folder):
    encoder = TextEncoder(tiny_bert_folder())
    network, seen = encoder.network, []
    embed = network.embed
    network.embed = lambda sequences: seen.extend(sequences) or embed(sequences)
    vectors, info = encoder.encode(["a", "b c", "a", "b c", "a"], return_info=True)
    assert len(seen) == 2
    np.testing.assert_array_equal(vectors[[0, 1]], vectors[[2, 3]])
    assert info.n_tokens.tolist() == [3, 4, 3, 4, 3]


@pytest.mark.parametrize("batch_tokens", [0, -5])
def test_bad_batch_tokens(tiny, batch_tokens):
    with pytest.raises(
        InputError, match=f"batch_tokens to be at least 1 or None, got {batch_tokens}"
    ):
        tiny.encode(["a"], batch_tokens=batch_tokens)


def test_a_progress_bar_is_drawn_on_stderr(tiny, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes stderr for a terminal
    tiny.encode(["a", "b"], show_progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Embedding" in err


# Long texts


LENGTHS = [1, 29, 30, 31, 60, 61, 100]  # the tiny model has room for 30 beside [CLS] and [SEP]


@pytest.mark.parametrize("on_long", ["truncate", "split"])
def test_n_tokens_and_truncated(tiny, on_long):
    encoder = TextEncoder(tiny.model, on_long=on_long)
    _, info = encoder.encode([words(n) for n in LENGTHS], return_info=True)
    assert isinstance(info, EncodeInfo)
    assert info.n_tokens.tolist() == [n + 2 for n in LENGTHS]
    assert info.truncated.tolist() == [on_long == "truncate" and n > 30 for n in LENGTHS]
    assert (info.n_tokens.dtype, info.truncated.dtype) == (np.int32, np.bool_)
    assert encoder.describe()["on_long"] == on_long


def test_truncate_leaves_the_rest_out(tiny):
    np.testing.assert_allclose(tiny.encode([words(77)]), tiny.encode([words(30)]), atol=1e-6)


def test_split_is_the_average_weighted_by_tokens(tiny):
    text = " ".join([words(30), "x " * 30, "the y"])
    parts = tiny.encode([words(30), "x " * 30, "the y"]).astype(np.float64)
    expected = (32 * parts[0] + 32 * parts[1] + 4 * parts[2]) / 68
    plain = TextEncoder(tiny.model, on_long="split")
    np.testing.assert_allclose(plain.encode(["a", text, "b"])[1], expected, atol=1e-5)

    unit = TextEncoder(tiny.model, on_long="split", normalize=True)
    parts /= np.linalg.norm(parts, axis=1, keepdims=True)
    expected = (32 * parts[0] + 32 * parts[1] + 4 * parts[2]) / 68
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(unit.encode([text, "b", text])[2], expected, atol=1e-5)


def test_split_changes_nothing_for_short_texts(tiny):
    texts = [words(n) for n in (0, 1, 30)]
    split = TextEncoder(tiny.model, on_long="split").encode(texts)
    np.testing.assert_allclose(split, tiny.encode(texts), atol=1e-6)


def test_error_names_the_text(tiny):
    encoder = TextEncoder(tiny.model, on_long="error")
    assert encoder.encode([words(30)]).shape == (1, DIM)
    with pytest.raises(InputError, match="at most 32 tokens, got 33 at position 2. Shorten"):
        encoder.encode(["a", "b", words(31), words(40)])
    with pytest.raises(InputError, match="got 33 at position 4"):
        list(encoder.encode_stream(["a", "b", "c", "d", words(31)], window=2))


@pytest.mark.parametrize("max_tokens", [3, 10, 32])
def test_max_tokens(tiny, max_tokens):
    encoder = TextEncoder(tiny.model, max_tokens=max_tokens)
    vectors, info = encoder.encode([words(50)], return_info=True)
    assert info.n_tokens.tolist() == [52]
    np.testing.assert_allclose(vectors, tiny.encode([words(max_tokens - 2)]), atol=1e-6)
    assert encoder.describe()["max_tokens"] == max_tokens


# Streams


def test_a_stream_is_lazy_and_bounded(tiny):
    read = []
    endless = (read.append(i) or words(i % 20) for i in itertools.count())
    stream = tiny.encode_stream(endless, window=10)
    assert read == []
    windows = list(itertools.islice(stream, 3))
    assert [len(window.vectors) for window in windows] == [10, 10, 10]
    assert len(read) <= 50
    stream.close()
    np.testing.assert_allclose(
        np.concatenate([window.vectors for window in windows]),
        tiny.encode([words(i % 20) for i in range(30)]),
        atol=1e-5,
    )


def test_a_window_ends_early_at_many_characters(tiny, monkeypatch):
    monkeypatch.setattr(text_module, "WINDOW_CHARACTERS", 10)
    windows = list(tiny.encode_stream(["abcd"] * 7, window=100))
    assert [len(window.vectors) for window in windows] == [3, 3, 1]


def test_a_stream_closed_early_leaves_no_threads(tiny):
    before = threading.active_count()
    stream = tiny.encode_stream(map(words, itertools.count()), window=5)
    next(stream)
    stream.close()
    assert threading.active_count() == before


def test_an_error_in_the_input_comes_through(tiny):
    def texts():
        yield from map(words, range(25))
        raise OSError("the disk is gone")

    before = threading.active_count()
    done = []
    with pytest.raises(OSError, match="the disk is gone"):
        done.extend(tiny.encode_stream(texts(), window=10))
    assert threading.active_count() == before


@pytest.mark.parametrize("on_long", ["truncate", "split"])
@pytest.mark.parametrize("batch_tokens", [1, 64, None])
def test_advance_counts_every_text_once(tiny, on_long, batch_tokens):
    texts = [words(n % 90) for n in range(200)] + [words(70)] * 5 + [""] * 3
    counts = []
    encoder = TextEncoder(tiny.model, on_long=on_long, batch_tokens=batch_tokens)
    list(encoder.encode_stream(texts, window=64, advance=counts.append))
    assert sum(counts) == len(texts)


@pytest.mark.parametrize("window", [0, -1])
def test_bad_window(tiny, window):
    with pytest.raises(InputError, match=f"window to be at least 1, got {window}"):
        list(tiny.encode_stream(["a"], window=window))


# As a scikit-learn transformer


def test_parameters():
    encoder = TextEncoder("minilm", pooling="cls", workers=2)
    assert encoder.get_params() == {
        "model": "minilm",
        "pooling": "cls",
        "normalize": None,
        "max_tokens": None,
        "on_long": "truncate",
        "batch_tokens": None,
        "workers": 2,
    }
    assert clone(encoder).get_params() == encoder.get_params()


def test_the_constructor_only_stores():
    encoder = TextEncoder("no such model", pooling="no such pooling", workers=-3)
    assert encoder.workers == -3
    with pytest.raises(InputError, match="pooling"):
        encoder.fit()


def test_new_settings_are_used(tiny):
    encoder = TextEncoder(tiny.model)
    texts = ["a b c", "the d"]
    encoder.encode(texts)
    network = encoder.network
    assert encoder.set_params(batch_tokens=10).network is network
    for settings in ({"pooling": "cls"}, {"normalize": True}, {"max_tokens": 3}):
        changed = TextEncoder(tiny.model, **settings).encode(texts)
        np.testing.assert_array_equal(clone(encoder).set_params(**settings).encode(texts), changed)
        encoder.set_params(**settings)
        assert encoder.network is not network
        assert not np.array_equal(encoder.encode(texts), tiny.encode(texts))
        encoder.set_params(pooling=None, normalize=None, max_tokens=None)


def test_bad_settings_are_refused_when_used(tiny):
    encoder = TextEncoder(tiny.model)
    encoder.encode(["a"])
    for name, value in [("on_long", "cut"), ("workers", 0), ("batch_tokens", 0)]:
        with pytest.raises(InputError, match=name):
            clone(encoder).set_params(**{name: value}).encode(["a"])


def test_a_pipeline(minilm):
    texts = ["refund please", "money back now", "give me a refund", "nice weather", "sunny day"]
    model = make_pipeline(minilm, LogisticRegression(C=100))
    model.fit(texts, [1, 1, 1, 0, 0])
    assert model.predict(["I want my money back", "it is warm and sunny"]).tolist() == [1, 0]
    names = model[:-1].get_feature_names_out()
    assert (len(names), names[0], names[-1]) == (384, "embedding0", "embedding383")


def test_a_copy_loads_its_own_network(tiny):
    encoder = TextEncoder(tiny.model, pooling="max")
    vectors = encoder.encode(["a b"])
    for copied in (copy.deepcopy(encoder), copy.copy(encoder)):
        assert "_network" not in vars(copied)
        assert copied.get_params() == encoder.get_params()
        np.testing.assert_array_equal(copied.encode(["a b"]), vectors)
    assert "_network" in vars(encoder)
    assert "_network" not in vars(clone(encoder))


def test_fit_changes_nothing(tiny):
    encoder = TextEncoder(tiny.model)
    assert encoder.fit(["a"], [1]) is encoder
    assert "_network" not in vars(encoder)
    assert encoder.__sklearn_is_fitted__()
    np.testing.assert_array_equal(encoder.fit_transform(["a b"]), tiny.encode(["a b"]))
