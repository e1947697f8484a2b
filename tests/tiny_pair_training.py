"""Pictures that a tiny descriptor can learn from, and trainings on them that take seconds.

As a script it is the command itself, shortened, which can be killed; see `main`.
"""

import os
import signal
import sys
from io import BytesIO

import numpy as np
from PIL import Image

SETTINGS = {
    "backbone": "small",
    "epochs": 2,
    "steps_per_epoch": 2,
    "batch_size": 1,
    "crop": 64,
    "points": 24,
    "dim": 8,
    "start_pairs": 4,
    "rotations": [0],
    "scales": [1],
}
OPTIONS = (
    "--backbone", "small", "--epochs", "2", "--steps", "2", "--batch-size", "1", "--crop", "64",
    "--points", "24", "--dim", "8", "--start-pairs", "4", "--rotations", "0", "--scales", "1",
)  # fmt: skip


def draw_texture(path, seed, size=(80, 96), **save):
    """Blobs of colour, of another place in every picture."""
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    blobs = rng.integers(0, 256, (10, 12, 3)).astype(np.uint8)
    Image.fromarray(blobs).resize(size[::-1], Image.Resampling.BICUBIC).save(path, **save)
    return path


def draw_photos(folder, count=4):
    """A folder of pictures without annotations."""
    for at in range(count):
        draw_texture(folder / f"{at}.png", at)
    return folder


def write_fake_packed(folder, sequences, *, least=12):
    """A folder that says it holds such pairs; it holds none, and can only be planned with."""
    from embedsvc.files import sha256_of
    from embedsvc.pairs.packed import PackedPairs, Shard, shard_name, write_about

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / shard_name(0, 1)
    path.write_bytes(repr(sequences).encode())
    n_pairs = sum(sequences.values())
    shard = Shard(path.name, n_pairs, path.stat().st_size, sha256_of(path))
    counts = {"n_matches": least * n_pairs, "least": least, "median": least, "most": least}
    write_about(
        PackedPairs(folder, **counts, largest_side=96, sequences=sequences, shards=(shard,),
                    settings={})
    )  # fmt: skip
    return folder


def write_packed(folder, sequences):
    """Packed pairs: each picture of a sequence is the first one, moved by some pixels."""
    from embedsvc.pairs.pair import MatchedPair
    from embedsvc.pairs.record_writing import PairWriter

    folder.mkdir(parents=True)
    x, y = np.meshgrid(np.arange(8, 72, 12), np.arange(8, 64, 12))
    points = np.stack([x, y], -1).reshape(-1, 2).astype(np.float32)
    writer = PairWriter(folder, shard_bytes=1 << 24)
    for seed, (name, n_pairs) in enumerate(sequences.items()):
        path = draw_texture(folder.parent / f"{name}.png", seed, (96, 112))
        with Image.open(path) as image:
            whole = np.array(image)
        for shift in range(1, n_pairs + 1):
            files = [
                _png(Image.fromarray(whole[y:, x:][:80, :96]))
                for y, x in ((0, 0), (shift, 2 * shift))
            ]
            moved = points - np.array([2 * shift, shift], np.float32)
            pair = MatchedPair(f"{name} 1-{shift + 1}", *files, points, moved, name)
            writer.write(pair, (80, 96), (80, 96))
    writer.finish({})
    writer.close()
    return folder


def shorten(patch=setattr):
    """Let few pairs be measured, with few others."""
    from embedsvc.jobs import train_pairs_measures, train_pairs_model
    from embedsvc.pairs.baselines import BASELINES

    patch(train_pairs_model, "MOST_VALIDATION", 3)
    patch(train_pairs_measures, "BASELINES", {"raw": BASELINES["raw"]})


def fake_training(patch):
    """As `shorten`; and nothing is learned, for that takes half a minute to be compiled."""
    from embedsvc.jobs import train_pairs_measures, train_pairs_model

    shorten(patch)
    patch(train_pairs_model, "PointDescriptor", _fake_descriptor())
    patch(train_pairs_model, "warped_pairs", shifted_pairs)
    patch(train_pairs_measures, "untrained_features", lambda backbone, seed: _raw(4))


def shifted_pairs(files, n, *, size, seed):
    """Pairs of a picture and a part of it."""
    from embedsvc.pairs.pair import MatchedPair

    points = np.random.default_rng(seed).uniform(8, size - 8, (20, 2)).astype(np.float32)
    pairs = []
    for at in range(n):
        with Image.open(files[at % len(files)]) as whole:
            parts = [_png(whole.crop((x, x, size + x, size + x))) for x in (0, 2)]
        name = str(files[at % len(files)])
        pairs.append(MatchedPair(name, *parts, points, points - 2, name))
    return pairs


def _raw(size):
    from embedsvc.pairs.baselines import RawPatches

    return RawPatches(size)


def _fake_descriptor():
    from embedsvc.nets.training_state import EpochRecord, TrainingState
    from embedsvc.pairs.point_descriptor import PointDescriptor

    class FakeDescriptor(PointDescriptor):
        """Learns the number of epochs, and describes by what is there."""

        def fit(self, source, y=None, *, validation=(), checkpoints, on_epoch, show_progress):
            self.check_settings()
            assert source.sequences and not {one.sequence for one in validation} & {
                *source.sequences
            }
            state = checkpoints.load()
            history = state.facts["history"] if state else []
            learned = state.arrays["learned"] if state else np.zeros(1, np.float32)
            for epoch in range(len(history) + 1, self.epochs + 1):
                learned = learned + 0.1 * epoch
                measures = {"accuracy_5px": epoch / 10} if validation else {}
                history = [*history, vars(EpochRecord(epoch, 1.5, 0.01, {"total": 1.0}, measures))]
                checkpoints.save(TrainingState({"learned": learned}, {"history": history}))
                on_epoch(EpochRecord(**history[-1]))
            self.history_ = tuple(EpochRecord(**one) for one in history)
            self.best_epoch_ = len(history)
            self.notes_ = () if validation else ("No pairs were held out: I said so before.",)
            self.network_ = self.build()
            for part in (self.network_.tower, self.network_.head):
                part.set_weights([np.full_like(one, learned[0]) for one in part.get_weights()])
            return self

        def describe(self, image, points):
            return _raw(16).describe(image, points)

    return FakeDescriptor


def _png(image):
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def main(die_after, *arguments):
    """The command as a process, which is killed after so many epochs; 0 lets it live."""
    from embedsvc.cli.main import main as embedsvc
    from embedsvc.store.checkpoints import CheckpointFolder

    shorten()
    save, saved = CheckpointFolder.save, []

    def save_or_die(self, state):
        save(self, state)
        saved.append(state)
        if len(saved) == int(die_after):
            os.kill(os.getpid(), signal.SIGKILL)

    CheckpointFolder.save = save_or_die
    embedsvc(list(arguments), prog_name="embedsvc")


if __name__ == "__main__":
    main(*sys.argv[1:])
