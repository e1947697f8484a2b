"""Compare embedsvc with a live sentence-transformers, text by text.

Run by hand, with the bench extra installed: python tests/benchmarks/parity.py
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

from goldens.texts import golden_texts  # noqa: E402
from tiny_folders import write_tiny_bert  # noqa: E402

from embedsvc.catalogue.cards import get_model  # noqa: E402
from embedsvc.catalogue.pull import pull  # noqa: E402
from embedsvc.encoders.registry import load_encoder  # noqa: E402

DENSE = ("Dense", "Normalize")
NEW = {"embedding_dimension": 8, "pooling_mode": "mean"}
PROMPTS = {"prompts": {"query": "find the: "}, "default_prompt_name": "query"}
FOLDERS = {
    "bare": {},
    "pooling mean, old keys": {"pooling": {"pooling_mode_mean_tokens": True}},
    "pooling mean, new keys": {"pooling": NEW},
    "pooling cls": {"pooling": {"pooling_mode_cls_token": True}},
    "pooling max": {"pooling": {"pooling_mode_max_tokens": True}},
    "normalize": {"head": ("Normalize",)},
    "dense tanh, normalize": {"head": DENSE},
    "dense identity": {
        "head": ("Dense",),
        "dense": {"activation_function": "torch.nn.modules.linear.Identity"},
    },
    "dense without bias": {"head": ("Dense",), "dense": {"bias": False}},
    "prompt": {"pooling": NEW, "prompts": PROMPTS},
    "max_seq_length": {"pooling": NEW, "sentence_bert": {"max_seq_length": 9}},
    "do_lower_case": {
        "pooling": NEW,
        "sentence_bert": {"do_lower_case": True},
        "tokenizer_config": {"do_lower_case": False},
    },
    "vocab.txt": {"pooling": NEW, "tokenizer": "vocab"},
    "vocab.txt, cased": {
        "pooling": NEW,
        "tokenizer": "vocab",
        "tokenizer_config": {"do_lower_case": False},
    },
    "cased by tokenizer_config, not by tokenizer.json": {
        "pooling": NEW,
        "tokenizer_config": {"do_lower_case": False, "tokenizer_class": "BertTokenizer"},
    },
    "accents kept": {
        "pooling": NEW,
        "tokenizer_config": {"strip_accents": False, "tokenizer_class": "BertTokenizer"},
    },
    "tokenizer.json of another class": {
        "pooling": NEW,
        "tokenizer_config": {
            "do_lower_case": False,
            "tokenizer_class": "PreTrainedTokenizerFast",
            "pad_token": "[PAD]",
        },
    },
    "gelu_new": {"config": {"hidden_act": "gelu_new"}},
}


def compare(name: str, folder: Path, texts: list[str]) -> None:
    """Print how far apart the two are."""
    theirs = SentenceTransformer(str(folder), device="cpu").encode(texts, batch_size=1)
    ours = load_encoder(folder).encode(texts)
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    worst = int(cosines.argmin())
    print(
        f"{name}: {len(texts)} texts, min cosine {cosines.min():.9f} ({texts[worst]!r:.40}), "
        f"max abs difference {np.abs(a - b).max():.2e}"
    )


def main() -> None:
    """Compare the real model on all texts, and tiny ones with every kind of setting."""
    texts = golden_texts()
    with tempfile.TemporaryDirectory() as scratch:
        for i, (name, options) in enumerate(FOLDERS.items()):
            compare(name, write_tiny_bert(Path(scratch) / str(i), **options), texts[:140:2])
    compare("minilm", pull(get_model("minilm")), texts)


if __name__ == "__main__":
    main()
