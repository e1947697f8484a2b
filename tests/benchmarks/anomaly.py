"""Detectors on real and made images: AUROC, times and sizes; and PatchCore beside anomalib's.

    python tests/benchmarks/anomaly.py [--data FOLDER] [--sets tiles,fashion,made] [--full]
                                       [--methods hog,ocsvm,...] [--vs anomalib|sklearn]

`--data` (or the environment variable EMBEDSVC_DATA) holds magnetic_tile/ in the layout of MVTec AD
and fashion_mnist/fashion_mnist_13k.npz; sets that are not there are passed over. Tiles and made
images go through `compare-detectors` at default settings, 20 labelled tiles for the regressor.

`--vs` measures PatchCore beside a peer in the same process, on the same pictures, with banks of
the same size, instead of the table. anomalib needs the extra `bench` and downloads the weights of
its ResNet18.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from made_images import TEXTURES, AnomalySet, made_texture_set, parts_set
from numpy.typing import NDArray
from PIL import Image
from sklearn import svm
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from embedsvc.cli.compare_detectors import format_table
from embedsvc.detectors import Gaussian, Hog, OneClassSVM, PatchCore
from embedsvc.detectors.nearest import nearest_distances
from embedsvc.jobs.compare import compare_detectors
from embedsvc.jobs.compare_kinds import CompareOptions

LABELLED = 20
SETS = ("tiles", "fashion", "made")
Scorer = Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.float64]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("EMBEDSVC_DATA"))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--methods", help="for tiles and made images, separated by commas")
    parser.add_argument("--full", action="store_true", help="all of Fashion-MNIST")
    parser.add_argument("--fashion-size", type=int, default=96, help="pixels; 256 is the default")
    parser.add_argument("--vs", choices=["anomalib", "sklearn"])
    parser.add_argument("--bank", type=int, default=1000, help="of both sides, with --vs")
    parser.add_argument(
        "--random-weights", action="store_true", help="anomalib without a download: times only"
    )
    args = parser.parse_args()
    if args.vs == "anomalib":
        versus_anomalib(args.bank, pretrained=not args.random_weights)
        return
    if args.vs == "sklearn":
        versus_sklearn(args.bank)
        return
    kinds = tuple(args.methods.split(",")) if args.methods else None
    wanted = args.sets.split(",")
    if "tiles" in wanted and (folder := found(args.data, "magnetic_tile")):
        show_comparison(folder, CompareOptions(kinds=kinds, n_labelled=LABELLED))
    if "fashion" in wanted and (file := found(args.data, "fashion_mnist/fashion_mnist_13k.npz")):
        n_train, n_test = (1000, 3000) if args.full else (200, 500)
        show_fashion(file, n_train=n_train, n_test=n_test, size=args.fashion_size)
    if "made" in wanted:
        show_made(kinds)


def found(data: Path | None, name: str) -> Path | None:
    place = None if data is None else Path(data, name)
    if place is None or not place.exists():
        print(f"{name}: passed over, it is not in --data ({data})", file=sys.stderr)
        return None
    return place


def show_comparison(folder: Path, options: CompareOptions) -> None:
    with tempfile.TemporaryDirectory() as output:
        comparison = compare_detectors(
            folder, output, options, tell=lambda line: print(line, file=sys.stderr)
        )
    metrics = comparison.metrics
    print(f"\n{folder.name}: {metrics['n_train']} normal images to learn from, tested on", end=" ")
    print(f"{metrics['n_test_normal']} normal and {metrics['n_test_anomalous']} anomalous ones")
    print(format_table(metrics["detectors"], baseline=metrics["baseline"]))
    print(comparison.verdict)
    for warning in metrics["warnings"]:
        print(f"  {warning}")


def show_made(kinds: tuple[str, ...] | None) -> None:
    makers = {name: lambda name=name: made_texture_set(name) for name in TEXTURES}
    makers["parts"] = parts_set
    for name, make in makers.items():
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder, name)
            write_set(make(), place)
            show_comparison(place, CompareOptions(kinds=kinds))


def write_set(made: AnomalySet, folder: Path) -> None:
    """In the layout of MVTec AD."""

    def write(pixels: NDArray[np.uint8], name: str) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)

    for i, pixels in enumerate(made["train"]):
        write(pixels, f"train/good/{i:03d}.png")
    for i, (pixels, mask, defect) in enumerate(
        zip(made["test"], made["masks"], made["defects"], strict=True)
    ):
        write(pixels, f"test/{defect}/{i:03d}.png")
        if mask.any():
            write(np.uint8(255 * mask), f"ground_truth/{defect}/{i:03d}_mask.png")


# Fashion-MNIST, one class against the others


def show_fashion(file: Path, *, n_train: int, n_test: int, size: int) -> None:
    with np.load(file, allow_pickle=False) as packed:
        pixels, classes = packed["x_train"], packed["y_train"]
        tested, answers = packed["x_test"][:n_test], packed["y_test"][:n_test]
    scorers: dict[str, Scorer] = {
        "raw pixels + OneClassSVM": score_raw,
        "hog": lambda train, test: Hog(folds=2).fit(train).anomaly_score(test),
        f"ocsvm, {size} px": lambda train, test: (
            OneClassSVM(size=size, folds=2).fit(train).anomaly_score(test)
        ),
        f"gaussian, {size} px": lambda train, test: (
            Gaussian(size=size, folds=2).fit(train).anomaly_score(test)
        ),
    }
    print(f"\nFashion-MNIST, {n_train} images of one class to learn from, {n_test} of all to test")
    for name, score in scorers.items():
        areas = []
        for one in range(10):
            train = pixels[classes == one][:n_train, ..., np.newaxis]
            scores = score(train, tested[..., np.newaxis])
            areas.append(roc_auc_score(answers != one, scores))
        print(f"  {name:<26} mean AUROC {np.mean(areas):.3f}   ", end="")
        print(" ".join(f"{area:.3f}" for area in areas), flush=True)


def score_raw(train: NDArray[np.uint8], test: NDArray[np.uint8]) -> NDArray[np.float64]:
    flat = [images.reshape(len(images), -1) / 255 for images in (train, test)]
    fitted = svm.OneClassSVM(nu=0.1, gamma="scale").fit(flat[0])
    return -fitted.score_samples(flat[1])


# Beside peers


def timed(work: Callable[[], NDArray[np.float64] | None]) -> tuple[float, object]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def versus_anomalib(bank: int, *, pretrained: bool) -> None:
    """PatchCore of both on generated parts; learning without our folds for the threshold."""
    torch, model_class = import_anomalib()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    made = parts_set()
    train, test, labels = made["train"], made["test"], made["labels"]

    ours = PatchCore(bank_size=bank, folds=1)
    ours.describe()  # loads the backbone
    fit, _ = timed(lambda: ours.fit(train) and None)
    ours.anomaly_score(test)  # compiles
    scoring, scores = timed(lambda: ours.anomaly_score(test))
    show_peer("embedsvc, EfficientNet-Lite0", fit, scoring, scores, labels)

    theirs = model_class(
        layers=["layer2", "layer3"], backbone="resnet18", pre_trained=pretrained, num_neighbors=9
    )
    fit, _ = timed(lambda: fit_anomalib(torch, theirs, train, bank))
    score_anomalib(torch, theirs, test[:8])
    scoring, scores = timed(lambda: score_anomalib(torch, theirs, test))
    label = "anomalib, ResNet18" + ("" if pretrained else " (random)")
    show_peer(label, fit, scoring, scores, labels)


def import_anomalib() -> tuple[object, type]:
    try:
        import torch
        from anomalib.models.image.patchcore.torch_model import PatchcoreModel
    except ImportError as err:
        raise SystemExit(
            f"Expected anomalib 2.2 or newer, got: {err}. Run: python -m pip install "
            "'embedsvc[bench]' anomalib"
        ) from err
    return torch, PatchcoreModel


def as_tensor(torch: object, pixels: NDArray[np.uint8]) -> object:
    """Standardized as anomalib's own pre-processor does it; the pictures have 256 px already."""
    mean, spread = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    standardized = (pixels.astype(np.float32) / 255 - mean) / spread
    return torch.from_numpy(np.ascontiguousarray(standardized.transpose(0, 3, 1, 2)))


def fit_anomalib(torch: object, model: object, train: NDArray[np.uint8], bank: int) -> None:
    model.train()  # In this mode a call adds patches to the memory.
    for start in range(0, len(train), 8):
        model(as_tensor(torch, train[start : start + 8]))
    model.subsample_embedding(bank / len(model.memory_bank))
    model.eval()


def score_anomalib(torch: object, model: object, test: NDArray[np.uint8]) -> NDArray[np.float64]:
    with torch.inference_mode():
        batches = [
            model(as_tensor(torch, test[start : start + 8])).pred_score.reshape(-1).numpy()
            for start in range(0, len(test), 8)
        ]
    return np.concatenate(batches).astype(np.float64)


def show_peer(
    name: str, fit: float, scoring: float, scores: Sequence[float], labels: NDArray[np.int64]
) -> None:
    area = roc_auc_score(labels, scores)
    each = 1000 * scoring / len(labels)
    print(
        f"  {name:<30} learning {fit:7.1f} s   scoring {each:6.1f} ms an image   AUROC {area:.3f}"
    )


def versus_sklearn(bank: int) -> None:
    """Distances of one picture's patches to the bank: ours and brute-force scikit-learn."""
    generator = np.random.default_rng(0)
    points = generator.standard_normal((bank, 152), np.float32)
    queries = generator.standard_normal((1024, 152), np.float32)
    fitted = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(points)
    peers = {
        "embedsvc": lambda: nearest_distances(queries, points),
        "scikit-learn, brute force": lambda: fitted.kneighbors(queries)[0],
    }
    found = {name: work() for name, work in peers.items()}
    worst = float(np.abs(found["embedsvc"] - found["scikit-learn, brute force"]).max())
    print(f"1,024 patches of 152 numbers against {bank:,}; largest difference {worst:.1e}")
    for name, work in peers.items():
        print(f"  {name:<30} {1000 * min(timed(work)[0] for _ in range(10)):6.1f} ms a picture")


if __name__ == "__main__":
    main()
