"""Make minilm.safetensors and models/minilm/golden.json with sentence-transformers.

Run by hand, with the bench extra installed: python tests/goldens/make_minilm.py
"""

import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from texts import golden_texts, texts_sha256

from embedsvc.catalogue.cards import get_model
from embedsvc.catalogue.pull import pull

HERE = Path(__file__).resolve().parent
CARD_TEXTS = [
    "Where is my parcel?",
    "My package is late.",
    "The screen of the laptop is broken.",
    "",
    "我喜欢在图书馆看书。",
    "café naïve résumé…",
    "[CLS] Straße ﬁnance ０１２ 😀 [SEP]",
    "def f(x: int) -> int: return x ** 2",
]
HOW = (
    "SentenceTransformer(folder of these weights, device='cpu').encode(texts, batch_size=1, "
    "normalize_embeddings=False), float32"
)


def main() -> None:
    """Write both files."""
    folder = pull(get_model("minilm"))
    model = SentenceTransformer(str(folder), device="cpu")
    names = ("sentence-transformers", "transformers", "tokenizers", "torch", "numpy")
    made_with = {name: version(name) for name in names} | {"python": platform.python_version()}

    texts = golden_texts()
    # One text a batch: the numbers of a text then depend on nothing else.
    vectors = model.encode(texts, batch_size=1, convert_to_numpy=True)
    tokenizer = model.tokenizer.backend_tokenizer
    tokenizer.no_truncation()
    n_tokens = [len(tokenizer.encode(text).ids) for text in texts]
    tensors = {
        "first_8": np.ascontiguousarray(vectors[:, :8], np.float32),
        # Half precision moves the cosine by less than 1e-7 and halves the file.
        "vectors_of_even": np.ascontiguousarray(vectors[::2], np.float16),
        "n_tokens": np.array(n_tokens, np.int32),
    }
    metadata = {"made_with": json.dumps(made_with), "how": HOW, "texts_sha256": texts_sha256()}
    save_file(tensors, HERE / "minilm.safetensors", metadata)

    card_vectors = model.encode(CARD_TEXTS, batch_size=1, convert_to_numpy=True)
    golden = {
        "about": "Values of another implementation of all-MiniLM-L6-v2 with these weights, to "
        "test ours against.",
        "made_with": made_with,
        "how": HOW,
        "results": [
            {"text": text, "first_8": [round(float(x), 7) for x in vector[:8]]}
            for text, vector in zip(CARD_TEXTS, card_vectors, strict=True)
        ],
    }
    path = HERE.parent.parent / "models" / "minilm" / "golden.json"
    path.write_text(json.dumps(golden, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
