"""What a folder says is done, or refused by name."""

import json

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file, save_file
from tiny_folders import VOCABULARY, tiny_weights, write_json

from embedsvc.encoders.huggingface import read_spec, read_tokenizer
from embedsvc.encoders.registry import load_encoder
from embedsvc.encoders.text_loading import load_text_model
from embedsvc.errors import ArtifactError, EmbedsvcError

TEXT = "The quick Brown fox; é!"
NAN, INFINITY = float("nan"), float("inf")


def refused(folder, *parts):
    with pytest.raises(ArtifactError) as caught:
        load_text_model(folder)
    for part in parts:
        assert part in str(caught.value)


# Layouts that are read


@pytest.mark.parametrize(
    ("fields", "pooling"),
    [
        ({}, "mean"),
        ({"pooling_mode_cls_token": True}, "cls"),
        ({"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": False}, "max"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_lasttoken": False}, "mean"),
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": ["max"]}, "max"),
        ({"pooling_mode": "mean", "pooling_mode_cls_token": True}, "mean"),
        ({"pooling_mode": "mean", "include_prompt": True}, "mean"),
    ],
)
def test_pooling(tiny_bert_folder, fields, pooling):
    assert read_spec(tiny_bert_folder(pooling={"unknown": 1, **fields})).pooling == pooling


def test_a_bare_folder_is_the_mean_not_normalized(tiny_bert_folder):
    spec = read_spec(tiny_bert_folder())
    assert (spec.pooling, spec.head, spec.prompt, spec.lowercase) == (None, (), "", False)
    assert spec.max_tokens == 32


def test_dropout_does_nothing(tiny_bert_folder):
    assert read_spec(tiny_bert_folder(head=("Dropout", "Normalize"))).head == (None,)


def test_what_sentence_transformers_6_writes(tiny_bert_folder):
    folder = tiny_bert_folder(
        pooling={"pooling_mode": "mean", "include_prompt": True},
        head=("Normalize",),
        sentence_bert={
            "transformer_task": "feature-extraction",
            "modality_config": {"text": {"method": "forward"}},
            "module_output_name": "token_embeddings",
        },
        prompts={"default_prompt_name": None, "prompts": {"query": "", "document": ""}},
    )
    names = {"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"}
    write_json(folder / "2_Normalize" / "config.json", names)
    kinds = ("base.modules.transformer.Transformer", "sentence_transformer.modules.pooling.Pooling")
    modules = json.loads((folder / "modules.json").read_text())
    for module, kind in zip(modules, (*kinds, "base.modules.normalize.Normalize"), strict=True):
        module["type"] = f"sentence_transformers.{kind}"
    write_json(folder / "modules.json", modules)
    assert read_spec(folder).head == (None,)


@pytest.mark.parametrize(
    ("sentence_bert", "tokenizer_config", "max_tokens"),
    [
        ({"max_seq_length": 9}, None, 9),
        ({"max_seq_length": 9}, {"model_max_length": 7}, 9),
        ({"max_seq_length": None}, {"model_max_length": 7}, 7),
        (None, {"model_max_length": 7}, 7),
        (None, {"model_max_length": 1e30}, 32),
        (None, {"model_max_length": int(1e30)}, 32),
        (None, {"model_max_length": INFINITY}, 32),
        ({"max_seq_length": 512}, None, 32),
        ({}, {}, 32),
    ],
)
def test_max_tokens(tiny_bert_folder, sentence_bert, tokenizer_config, max_tokens):
    folder = tiny_bert_folder(sentence_bert=sentence_bert, tokenizer_config=tokenizer_config)
    assert read_spec(folder).max_tokens == max_tokens


@pytest.mark.parametrize("value", [True, NAN, -INFINITY, -1, 0, 2, "9", [9]])
@pytest.mark.parametrize("name", ["max_seq_length", "model_max_length"])
def test_max_tokens_of_nonsense(tiny_bert_folder, name, value):
    where = "sentence_bert" if name == "max_seq_length" else "tokenizer_config"
    refused(tiny_bert_folder(**{where: {name: value}}), name, f"got {value!r}")


def test_the_default_prompt_comes_first(tiny_bert_folder):
    prompts = {"prompts": {"query": "find: ", "other": "x"}, "default_prompt_name": "query"}
    prompted = load_encoder(tiny_bert_folder("prompted", prompts=prompts))
    plain = load_encoder(tiny_bert_folder("plain"))
    np.testing.assert_array_equal(prompted.encode([TEXT]), plain.encode(["find: " + TEXT]))
    assert prompted.token_counts([""]) == plain.token_counts(["find: "])
    assert read_spec(tiny_bert_folder("none", prompts={"prompts": {"query": "a"}})).prompt == ""


@pytest.mark.parametrize(
    "prompts",
    [
        {"default_prompt_name": "query"},
        {"default_prompt_name": "query", "prompts": {"other": "a"}},
        {"default_prompt_name": "query", "prompts": {"query": None}},
        {"default_prompt_name": "query", "prompts": ["query"]},
        {"default_prompt_name": ["query"], "prompts": {"query": "a"}},
    ],
)
def test_a_default_prompt_that_is_not_there(tiny_bert_folder, prompts):
    refused(tiny_bert_folder(prompts=prompts), "a prompt named", "query")


def token_ids(folder, text=TEXT):
    return read_tokenizer(read_spec(folder)).encode(text).ids


def test_both_kinds_of_tokenizer_files_agree(tiny_bert_folder):
    assert token_ids(tiny_bert_folder("a")) == token_ids(tiny_bert_folder("b", tokenizer="vocab"))
    assert VOCABULARY.index("[UNK]") not in token_ids(tiny_bert_folder("a"))


@pytest.mark.parametrize("tokenizer", ["json", "vocab"])
@pytest.mark.parametrize("kind", [None, "BertTokenizer", "BertTokenizerFast"])
def test_settings_of_a_bert_tokenizer_win(tiny_bert_folder, tokenizer, kind):
    # The tokenizer.json here lowercases and drops accents.
    class_name = {} if kind is None else {"tokenizer_class": kind}

    def pieces(text, **settings):
        folder = tiny_bert_folder(
            str(settings), tokenizer=tokenizer, tokenizer_config=settings | class_name
        )
        return [VOCABULARY[i] for i in token_ids(folder, text)[1:-1]]

    assert pieces("É A") == ["e", "a"]
    assert pieces("é A", do_lower_case=False) == ["é", "A"]
    assert pieces("É A", strip_accents=False) == ["é", "a"]
    assert pieces("é A", do_lower_case=False, strip_accents=True) == ["e", "A"]
    assert pieces("a中中", tokenize_chinese_chars=False) == ["[UNK]"]
    assert pieces("a中中") == ["a", "[UNK]", "[UNK]"]


def test_another_class_is_taken_as_its_file_says(tiny_bert_folder):
    settings = {"do_lower_case": False, "tokenizer_class": "PreTrainedTokenizerFast"}
    folder = tiny_bert_folder("other", tokenizer_config=settings)
    assert token_ids(folder) == token_ids(tiny_bert_folder("plain"))


def test_another_class_with_a_vocabulary_is_refused(tiny_bert_folder):
    settings = {"tokenizer_class": "BertJapaneseTokenizer"}
    refused(
        tiny_bert_folder(tokenizer="vocab", tokenizer_config=settings),
        "tokenizer_class",
        "'BertJapaneseTokenizer'",
    )


@pytest.mark.parametrize("name", ["do_lower_case", "strip_accents", "tokenize_chinese_chars"])
def test_settings_that_are_no_flags(tiny_bert_folder, name):
    refused(tiny_bert_folder(tokenizer_config={name: "false"}), name, "got 'false'")


def test_do_lower_case_of_sentence_transformers(tiny_bert_folder):
    settings = {"do_lower_case": False}
    cased = tiny_bert_folder("cased", tokenizer_config=settings)
    lowered = tiny_bert_folder(
        "lowered", tokenizer_config=settings, sentence_bert={"do_lower_case": True}
    )
    assert token_ids(lowered) == token_ids(cased, TEXT.lower()) != token_ids(cased)


def test_a_tokenizer_that_adds_no_special_tokens(tiny_bert_folder):
    folder = tiny_bert_folder()
    content = json.loads((folder / "tokenizer.json").read_text())
    content["post_processor"] = None
    write_json(folder / "tokenizer.json", content)
    refused(folder, "[CLS] and [SEP]")


def test_half_precision_weights(tiny_bert_folder):
    half = {name: tensor.astype(np.float16) for name, tensor in tiny_weights().items()}
    exact = load_encoder(tiny_bert_folder("exact")).encode([TEXT])
    rounded = load_encoder(tiny_bert_folder("half", weights=half)).encode([TEXT])
    np.testing.assert_allclose(rounded, exact, atol=0.02)


def test_prefix_and_old_names(tiny_bert_folder):
    weights = {
        "bert." + name.replace("LayerNorm.weight", "LayerNorm.gamma"): tensor
        for name, tensor in tiny_weights().items()
    }
    exact = load_encoder(tiny_bert_folder("exact")).encode([TEXT])
    np.testing.assert_array_equal(
        load_encoder(tiny_bert_folder("old", weights=weights)).encode([TEXT]), exact
    )


# Fields that are refused by name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model_type", "roberta"),
        ("model_type", None),
        ("position_embedding_type", "relative_key"),
        ("is_decoder", True),
        ("add_cross_attention", True),
        ("pruned_heads", {"0": [1]}),
        ("quantization_config", {"bits": 4}),
        ("hidden_act", "relu"),
        ("hidden_act", ["gelu"]),
        ("hidden_act", {}),
    ],
)
def test_config_that_changes_the_numbers(tiny_bert_folder, name, value):
    refused(tiny_bert_folder(config={name: value}), name, repr(value), "config.json")


@pytest.mark.parametrize(
    "name",
    [
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings",
        "type_vocab_size",
    ],
)
@pytest.mark.parametrize("value", [0, -1, True, 1.5, NAN, INFINITY, "8", [8], 10**9, 10**400])
def test_sizes_of_nonsense(tiny_bert_folder, name, value):
    folder = tiny_bert_folder()
    fields = json.loads((folder / "config.json").read_text()) | {name: value}
    write_json(folder / "config.json", fields)
    refused(folder, name, "a whole number from 1 to")


@pytest.mark.parametrize("name", ["layer_norm_eps", "hidden_dropout_prob"])
@pytest.mark.parametrize("value", [-1e-9, 1, True, NAN, INFINITY, "0.1", None])
def test_rates_of_nonsense(tiny_bert_folder, name, value):
    folder = tiny_bert_folder()
    fields = json.loads((folder / "config.json").read_text()) | {name: value}
    write_json(folder / "config.json", fields)
    refused(folder, name, f"got {value!r}")


def test_sizes_that_do_not_go_together(tiny_bert_folder):
    refused(tiny_bert_folder(config={"num_attention_heads": 3}), "multiple of n_heads")


def test_huge_sizes_take_no_memory(tiny_bert_folder):
    config = {"vocab_size": 1 << 22, "hidden_size": 1 << 14, "num_attention_heads": 1 << 10}
    refused(tiny_bert_folder(config=config), "hidden_size 16384", "belong together")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"pooling_mode_weightedmean_tokens": True}, "weightedmean"),
        ({"pooling_mode_lasttoken": True}, "lasttoken"),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, "mean_sqrt_len_tokens"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, "cls + mean"),
        ({"pooling_mode": "weightedmean"}, "weightedmean"),
        ({"pooling_mode": ["mean", "max"]}, "mean + max"),
        ({"pooling_mode": []}, "one pooling"),
        ({"pooling_mode": 5}, "got 5"),
        ({"pooling_mode": {"mean": True}}, "one pooling"),
        ({"pooling_mode": "mean", "include_prompt": False}, "include_prompt"),
    ],
)
def test_poolings_that_are_refused(tiny_bert_folder, fields, said):
    refused(tiny_bert_folder(pooling=fields), said, "1_Pooling")


@pytest.mark.parametrize("name", ["LayerNorm", "CNN", "LSTM", "WeightedLayerPooling", "Pooling"])
def test_modules_that_are_refused(tiny_bert_folder, name):
    refused(tiny_bert_folder(head=(name,)), repr(name), "behind the pooling")


@pytest.mark.parametrize("position", [0, 1, 2])
def test_custom_code_is_refused(tiny_bert_folder, position):
    folder = tiny_bert_folder(head=("Normalize",))
    modules = json.loads((folder / "modules.json").read_text())
    name = modules[position]["type"].rsplit(".", 1)[1]
    modules[position]["type"] = f"custom_code.{name}"
    write_json(folder / "modules.json", modules)
    refused(folder, f"custom_code.{name}")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"activation_function": "torch.nn.modules.activation.Softplus"}, "Softplus"),
        ({"activation_function": None}, "'None'"),
        ({"activation_function": ["os.system"]}, "os.system"),
        ({"use_residual": True}, "use_residual"),
        ({"module_input_name": "token_embeddings"}, "module_input_name"),
        ({"module_output_name": "other"}, "module_output_name"),
    ],
)
def test_dense_that_is_refused(tiny_bert_folder, fields, said):
    refused(tiny_bert_folder(head=("Dense",), dense=fields), said, "2_Dense")


def test_normalization_of_tokens_is_refused(tiny_bert_folder):
    folder = tiny_bert_folder(head=("Normalize",))
    write_json(folder / "2_Normalize" / "config.json", {"module_input_name": "token_embeddings"})
    refused(folder, "module_input_name", "'token_embeddings'")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("transformer_task", "fill-mask"),
        ("module_output_name", "sentence_embedding"),
        ("processing_kwargs", {"text": {"max_length": 5}}),
        ("query_expansion", {"length": 32}),
    ],
)
def test_transformer_settings_that_are_refused(tiny_bert_folder, name, value):
    refused(tiny_bert_folder(sentence_bert={name: value}), name, repr(value))


@pytest.mark.parametrize(
    "modules",
    [
        [],
        [("sentence_transformers.models.Transformer", "")],
        [("sentence_transformers.models.Pooling", "1_Pooling")],
        [("sentence_transformers.models.WordEmbeddings", "")],
    ],
)
def test_modules_in_another_order(tiny_bert_folder, modules):
    folder = tiny_bert_folder(head=("Normalize",))
    write_json(folder / "modules.json", [{"type": kind, "path": path} for kind, path in modules])
    refused(folder, "begin with Transformer and Pooling")


def test_a_transformer_in_a_subfolder(tiny_bert_folder):
    folder = tiny_bert_folder(head=("Normalize",))
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["path"] = "0_Transformer"
    write_json(folder / "modules.json", modules)
    refused(folder, "0_Transformer", "Move them beside modules.json")


@pytest.mark.parametrize("path", ["../other", "1_Pooling/../../x", "/etc", "a\0b"])
def test_paths_out_of_the_folder(tiny_bert_folder, path):
    folder = tiny_bert_folder(head=("Normalize",))
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["path"] = path
    write_json(folder / "modules.json", modules)
    refused(folder, "module folders inside", repr(path))


def test_a_link_out_of_the_folder(tiny_bert_folder, tmp_path):
    folder = tiny_bert_folder(head=("Normalize",))
    (folder / "1_Pooling").rename(tmp_path / "elsewhere")
    (folder / "1_Pooling").symlink_to(tmp_path / "elsewhere")
    refused(folder, "module folders inside")


@pytest.mark.parametrize("content", [{}, {"type": "x"}, ["x"], [{"type": "x"}], 5, None, "x"])
def test_modules_of_nonsense(tiny_bert_folder, content):
    folder = tiny_bert_folder()
    write_json(folder / "modules.json", content)
    with pytest.raises(ArtifactError, match=r"modules\.json"):
        read_spec(folder)


# Files that are missing or broken


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_missing_files(tiny_bert_folder, name):
    folder = tiny_bert_folder()
    (folder / name).unlink()
    refused(folder, "without", name)


def test_pickles_are_never_read(tiny_bert_folder):
    folder = tiny_bert_folder()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused(folder, "pytorch_model.bin is a pickle", "safe_serialization=True")


def test_weights_in_several_files(tiny_bert_folder):
    folder = tiny_bert_folder()
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    write_json(folder / "model.safetensors.index.json", {})
    refused(folder, "Weights in several files")


@pytest.mark.parametrize("keep", [0, 4, 8, 100, -1])
def test_truncated_weights(tiny_bert_folder, keep):
    path = tiny_bert_folder() / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    refused(path.parent, "Expected float32 or float16 tensors", "model.safetensors")


def test_bfloat16_weights(tiny_bert_folder):
    # NumPy knows the type because TensorFlow brings it.
    weights = {k: v.astype(tf.bfloat16.as_numpy_dtype) for k, v in tiny_weights().items()}
    rounded = {k: v.astype(np.float32) for k, v in weights.items()}
    exact = load_encoder(tiny_bert_folder("float32", weights=rounded)).encode([TEXT])
    same = load_encoder(tiny_bert_folder("bfloat16", weights=weights)).encode([TEXT])
    np.testing.assert_array_equal(same, exact)


def test_weights_of_a_type_numpy_does_not_have(tiny_bert_folder):
    path = tiny_bert_folder() / "model.safetensors"
    header = json.dumps({"a": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0")
    refused(path.parent, "save it as float32")


def test_weights_of_another_config(tiny_bert_folder):
    refused(tiny_bert_folder(config={"intermediate_size": 13}), "intermediate", "got (8, 12)")
    refused(tiny_bert_folder("b", config={"num_hidden_layers": 3}), "encoder.layer.2.")
    refused(tiny_bert_folder("c", config={"num_hidden_layers": 1}), "encoder.layer.1.")
    refused(tiny_bert_folder("d", config={"vocab_size": 170}), "embeddings.word_embeddings")


def test_no_weights_at_all(tiny_bert_folder):
    refused(tiny_bert_folder(weights={}), "got 0")


@pytest.mark.parametrize("name", ["config.json", "modules.json", "1_Pooling/config.json"])
def test_huge_json(tiny_bert_folder, name):
    folder = tiny_bert_folder(head=("Normalize",))
    with (folder / name).open("ab") as file:
        file.truncate((1 << 20) + 1)
    refused(folder, name, "at most")


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "1_Pooling/config.json"])
@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]", b"[" * 100_000, b"null"])
def test_broken_json(tiny_bert_folder, name, content):
    folder = tiny_bert_folder(head=("Normalize",))
    (folder / name).write_bytes(content)
    refused(folder, "JSON", name)


def test_a_broken_tokenizer(tiny_bert_folder):
    folder = tiny_bert_folder()
    (folder / "tokenizer.json").write_text("{}")
    refused(folder, "Expected a Hugging Face tokenizer")


def test_dense_weights_that_do_not_fit(tiny_bert_folder):
    folder = tiny_bert_folder(head=("Dense",))
    path = folder / "2_Dense" / "model.safetensors"
    tensors = load_file(path)
    save_file({"linear.weight": tensors["linear.weight"][:, :7].copy()}, path)
    refused(folder, "linear.weight of shape (out, 8)", "got (5, 7)")
    save_file(tensors | {"linear.bias": np.zeros(4, np.float32)}, path)
    refused(folder, "linear.bias of shape (5,)", "got (4,)")
    save_file({"other": np.zeros(4, np.float32)}, path)
    refused(folder, "linear.weight", "got None")
    path.unlink()
    refused(folder, "2_Dense")


def test_random_damage_is_always_an_error_of_ours(tiny_bert_folder):
    folder = tiny_bert_folder(head=("Dense", "Normalize"), sentence_bert={}, tokenizer_config={})
    generator = np.random.default_rng(11)
    names = ["config.json", "modules.json", "1_Pooling/config.json", "2_Dense/config.json"]
    odd = [None, True, -1, 1e99, "", "x", [], {}, [[]], {"a": []}, NAN]
    for _ in range(300):
        path = folder / names[generator.integers(len(names))]
        good = path.read_bytes()
        value = json.loads(good)
        target = value[generator.integers(len(value))] if isinstance(value, list) else value
        target[str(generator.choice(list(target)))] = odd[generator.integers(len(odd))]
        write_json(path, value)
        try:
            read_spec(folder)
        except EmbedsvcError:
            pass
        finally:
            path.write_bytes(good)
