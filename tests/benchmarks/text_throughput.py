"""Texts a second beside sentence-transformers, ONNX Runtime and OpenVINO, in one process.

    python -m pip install ".[bench]"
    python tests/benchmarks/text_throughput.py [--rounds 5] [--threads 2]

Same weights, texts and threads; the engines take turns, and medians are compared. ONNX Runtime and
OpenVINO get tokens and batches from embedsvc, in two arrangements each, of which the better one
counts. Peak memory and cold start are measured in processes of their own.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from made_texts import mixed_texts, short_texts

from embedsvc.catalogue.cards import get_model
from embedsvc.catalogue.pull import pull
from embedsvc.encoders.registry import load_encoder
from embedsvc.text.buckets import pad, plan_batches

Engine = Callable[[list[str]], np.ndarray]
PEAK_TEXTS = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", help=argparse.SUPPRESS)  # one engine, for its peak memory
    args = parser.parse_args()
    folder = pull(get_model("minilm"))
    if args.only:
        make_engines(folder, args.threads, only=args.only)[args.only](mixed_texts(PEAK_TEXTS))
        return
    engines = make_engines(folder, args.threads)
    ceiling = matmul_ceiling(args.threads)
    print(f"fp32 matmul ceiling: {ceiling / 1e9:.0f} GFLOP/s on {args.threads} threads\n")
    for name, texts in (("mixed", mixed_texts(2_000)), ("short", short_texts(5_000))):
        compare(name, texts, engines, args.rounds, ceiling)
    print("peak memory, one engine a process, 2,000 mixed texts")
    for name in engines:
        print(f"  {name:<24} {peak_memory(name, args.threads) / 1e6:6.0f} MB")
    print("cold start to the first vector, median of 3")
    for name, command in cold_starts(folder).items():
        print(f"  {name:<24} {statistics.median(run_seconds(command) for _ in range(3)):6.1f} s")


def compare(
    name: str, texts: list[str], engines: dict[str, Engine], rounds: int, ceiling: float
) -> None:
    tokens = int(load_encoder("minilm").token_counts(texts).clip(max=256).sum())
    seconds: dict[str, list[float]] = {engine: [] for engine in engines}
    reference = None
    for turn in range(rounds + 1):
        for engine, encode in engines.items():
            start = time.perf_counter()
            vectors = encode(texts)
            if turn:  # the first round warms up
                seconds[engine].append(time.perf_counter() - start)
            reference = vectors if reference is None else reference
            worst = (vectors * reference).sum(axis=1).min()
            if worst < 0.9999:
                raise SystemExit(f"{engine} gives other vectors: cosine {worst:.6f}")
    medians = {engine: statistics.median(times) for engine, times in seconds.items()}
    ours = medians["embedsvc"]
    print(f"{name}: {len(texts):,} texts, {tokens / len(texts):.1f} tokens on average")
    for engine, median in medians.items():
        print(
            f"  {engine:<24} {len(texts) / median:7.0f} texts/s {tokens / median:8.0f} tokens/s"
            f"   embedsvc is {median / ours:.2f} x as fast"
        )
    used = flops(load_encoder("minilm").token_counts(texts).clip(max=256)) / ours
    print(f"  embedsvc uses {used / ceiling:.0%} of the matmul ceiling\n")


def make_engines(folder: Path, threads: int, only: str | None = None) -> dict[str, Engine]:
    makers = {
        "embedsvc": lambda: load_encoder("minilm").encode,
        "sentence-transformers": lambda: sentence_transformers(folder, threads),
        "onnxruntime": lambda: onnxruntime(folder, threads, sessions=1),
        "onnxruntime, batch a core": lambda: onnxruntime(folder, threads, sessions=threads),
        "openvino, latency": lambda: openvino(folder, threads, "LATENCY"),
        "openvino, throughput": lambda: openvino(folder, threads, "THROUGHPUT"),
    }
    return {name: make() for name, make in makers.items() if only in (None, name)}


def sentence_transformers(folder: Path, threads: int) -> Engine:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    model = SentenceTransformer(str(folder), device="cpu")
    return lambda texts: model.encode(texts, show_progress_bar=False)


def batched(compute: Callable[[list[np.ndarray]], list[np.ndarray]]) -> Engine:
    """Tokenize and batch as embedsvc does, and let another engine compute."""
    network = load_encoder("minilm").network

    def encode(texts: list[str]) -> np.ndarray:
        ids = [text.chunks[0] for text in network.tokenize(texts)]
        lengths = np.array([len(one) for one in ids])
        plans = plan_batches(lengths, batch_tokens=network.runtime.batch_tokens)
        results = compute([pad([ids[i] for i in plan]).astype(np.int64) for plan in plans])
        vectors = np.empty((len(texts), 384), np.float32)
        for plan, result in zip(plans, results, strict=True):
            vectors[plan] = result
        return vectors

    return encode


def onnxruntime(folder: Path, threads: int, *, sessions: int) -> Engine:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads // sessions
    session = ort.InferenceSession(export(folder), options, providers=["CPUExecutionProvider"])
    pool = ThreadPoolExecutor(sessions)
    return batched(
        lambda batches: list(pool.map(lambda ids: session.run(None, {"ids": ids})[0], batches))
    )


def openvino(folder: Path, threads: int, hint: str) -> Engine:
    import openvino as ov

    core = ov.Core()
    settings = {
        "PERFORMANCE_HINT": hint,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    model = core.compile_model(core.read_model(export(folder)), "CPU", settings)
    queue = ov.AsyncInferQueue(model, threads if hint == "THROUGHPUT" else 1)

    def compute(batches: list[np.ndarray]) -> list[np.ndarray]:
        results: dict[int, np.ndarray] = {}
        queue.set_callback(
            lambda request, i: results.update({i: request.get_output_tensor(0).data.copy()})
        )
        for i, ids in enumerate(batches):
            queue.start_async({0: ids}, i)
        queue.wait_all()
        return [results[i] for i in range(len(batches))]

    return batched(compute)


def export(folder: Path) -> str:
    """The network with mean pooling and normalization as an ONNX file, made once."""
    path = Path(tempfile.gettempdir()) / "embedsvc-bench-minilm.onnx"
    if path.exists():
        return str(path)
    import torch
    from transformers import BertModel

    class Embedder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = BertModel.from_pretrained(folder, attn_implementation="eager").eval()

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            mask = (ids != 0).long()
            states = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
            weights = mask.unsqueeze(-1).float()
            means = (states * weights).sum(1) / weights.sum(1)
            return torch.nn.functional.normalize(means, dim=1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Embedder(),
            (torch.ones(3, 7, dtype=torch.int64),),
            str(path),
            input_names=["ids"],
            dynamic_axes={"ids": {0: "n", 1: "length"}},
            dynamo=False,
            opset_version=17,
        )
    return str(path)


def matmul_ceiling(threads: int) -> float:
    """FLOP/s of the products a MiniLM layer is made of, one core each, nothing else around."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    shapes = [(384, 1152), (384, 384), (384, 1536), (1536, 384)]
    pairs = [
        tuple(
            tf.constant(rng.normal(size=shape).astype(np.float32)) for shape in ((512, k), (k, n))
        )
        for k, n in shapes
    ]
    multiply = tf.function(lambda: [tf.matmul(a, b) for a, b in pairs])
    work = sum(2 * 512 * k * n for k, n in shapes)
    calls = 20 * threads
    with ThreadPoolExecutor(threads) as pool:
        rates = []
        for _ in range(8):
            start = time.perf_counter()
            list(pool.map(lambda _: multiply(), range(calls)))
            rates.append(calls * work / (time.perf_counter() - start))
    return statistics.median(rates[2:])


def flops(lengths: np.ndarray) -> float:
    """Multiply-adds times two of six layers of width 384: dense products and attention."""
    dense = 2 * (384 * 1152 + 384 * 384 + 2 * 384 * 1536) * lengths.sum()
    attention = 4 * 384 * (lengths.astype(float) ** 2).sum()
    return float(6 * (dense + attention))


def peak_memory(name: str, threads: int) -> float:
    # The kernel's high-water mark; getrusage would count the parent's memory before exec.
    code = (
        "import pathlib, runpy, sys; sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(status.split('VmHWM:')[1].split()[0])"
    )
    command = [sys.executable, "-c", code, __file__, "--only", name, "--threads", str(threads)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return 1024 * float(done.stdout.split()[-1])


def cold_starts(folder: Path) -> dict[str, list[str]]:
    peer = (
        "from sentence_transformers import SentenceTransformer\n"
        f"SentenceTransformer({str(folder)!r}, device='cpu').encode(['hello'])"
    )
    return {
        "embedsvc extract - -o -": [
            str(Path(sys.executable).with_name("embedsvc")),
            "extract",
            "-",
            "-o",
            "-",
            "--quiet",
        ],
        "sentence-transformers": [sys.executable, "-c", peer],
    }


def run_seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, input=b"hello\n", capture_output=True, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main()
