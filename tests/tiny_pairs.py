"""Pictures with something to find in them, pairs of them, and a descriptor that learns quickly."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from embedsvc.pairs.pair import MatchedPair
from embedsvc.pairs.photometric import PhotometricOptions
from embedsvc.pairs.pipeline import CropOptions, SinglePictures
from embedsvc.pairs.point_descriptor import PointDescriptor
from embedsvc.pairs.views import ONE_VIEW
from embedsvc.pairs.warps import WarpOptions

TAPS = ("stride2", "stride4")
CROP = CropOptions(
    size=64,
    points=24,
    warp=WarpOptions(rotation=15, scale=1.1, stretch=1.1, perspective=0.1, any_upright=0),
    light=PhotometricOptions(strength=0.3, blur=0, noise=0, grey=0),
)


def blobs(seed, height=96, width=120):
    """Coloured blobs, no two alike; uint8 array of shape (height, width, 3)."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    smooth = ndimage.gaussian_filter(noise, (2, 2, 0))
    low, high = smooth.min(), smooth.max()
    return ((smooth - low) / (high - low) * 255).astype(np.uint8)


def png(image):
    file = BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def shifted_pair(seed, *, shift=8, n_points=30):
    """A picture, and the same one moved to the left."""
    image = blobs(seed)
    rng = np.random.default_rng(seed)
    points = rng.uniform((shift + 4, 4), (115, 91), (n_points, 2)).astype(np.float32)
    moved = np.roll(image, -shift, axis=1)
    name = f"picture {seed}"
    shift_x = np.array([shift, 0], np.float32)
    return MatchedPair(name, png(image), png(moved), points, points - shift_x, name)


def write_pictures(folder, n):
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(n):
        (folder / f"{seed}.png").write_bytes(png(blobs(seed)))
    return SinglePictures(sorted(Path(folder).glob("*.png")))


def small_descriptor(**settings):
    """A descriptor of the network that learns from scratch; a second or two an epoch."""
    usual = {
        "epochs": 1,
        "steps_per_epoch": 2,
        "start_pairs": 12,
        "dim": 16,
        "crop": CROP,
        "views": ONE_VIEW,
    }
    return PointDescriptor("small", **{**usual, **settings})
