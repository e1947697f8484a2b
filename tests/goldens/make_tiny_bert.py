"""Make tiny_bert.json, tiny_bert.safetensors and tiny_bert_expected.safetensors.

A random BERT, computed by transformers' BertModel. Run by hand, with the bench extra installed:
python tests/goldens/make_tiny_bert.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import BertConfig, BertModel

HERE = Path(__file__).resolve().parent
CONFIG = {
    "model_type": "bert",
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 12,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
}


def main() -> None:
    """Write the three files."""
    torch.manual_seed(7)
    generator = np.random.default_rng(7)
    model = BertModel(BertConfig(**CONFIG))
    # Larger weights than fresh ones, so that no part of the network is nearly linear.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    weights = {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}
    weights.pop("embeddings.position_ids", None)

    lengths = np.array([12, 1, 7, 3])
    mask = (np.arange(12) < lengths[:, np.newaxis]).astype(np.int32)
    expected = {
        "token_ids": (generator.integers(1, 50, mask.shape) * mask).astype(np.int32),
        "segment_ids": (generator.integers(0, 2, mask.shape) * mask).astype(np.int32),
        "attention_mask": mask,
    }
    for activation in ("gelu", "gelu_new"):
        model = BertModel(BertConfig(**CONFIG, hidden_act=activation)).eval()
        model.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
        with torch.no_grad():
            outputs = model(
                input_ids=torch.tensor(expected["token_ids"]),
                token_type_ids=torch.tensor(expected["segment_ids"]),
                attention_mask=torch.tensor(mask),
            )
        expected[f"{activation}.sequence_output"] = outputs.last_hidden_state.numpy()
        expected[f"{activation}.pooled_output"] = outputs.pooler_output.numpy()

    made_with = {name: version(name) for name in ("transformers", "torch", "numpy")}
    (HERE / "tiny_bert.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    save_file(weights, HERE / "tiny_bert.safetensors")
    metadata = {"made_with": json.dumps(made_with), "how": "BertModel(...).eval() on a CPU"}
    save_file(expected, HERE / "tiny_bert_expected.safetensors", metadata)


if __name__ == "__main__":
    main()
