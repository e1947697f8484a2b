"""What is known of images before a run."""

import time

import numpy as np
import pytest
from fake_encoder import FakeImageEncoder, find_images
from PIL import Image

from embedsvc.extract.estimate_images import dry_run_images
from embedsvc.extract.image_inputs import open_image_table, open_images
from embedsvc.extract.rows import SourceOptions


class Timed(FakeImageEncoder):
    """Takes time, and remembers the sizes of its windows."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def _encode(self, inputs, advance):
        self.sizes.append(len(inputs))
        time.sleep(0.001 * len(inputs))
        return super()._encode(inputs, advance)


def save(path, height, width):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(path)


@pytest.fixture
def photos(tmp_path):
    """Three images of different sizes, a broken file, an empty one, and a broken link."""
    folder = tmp_path / "photos"
    save(folder / "a.jpg", 64, 32)
    save(folder / "b.jpg", 300, 1000)
    save(folder / "c.jpg", 10, 200)
    (folder / "d.jpg").write_bytes(b"no image")
    (folder / "e.jpg").touch()
    (folder / "f.jpg").symlink_to("nowhere")
    return folder


def test_dry_run(photos, tmp_path):
    inputs = open_images([str(photos)], SourceOptions(), scan=find_images)
    found = dry_run_images(inputs, Timed())
    assert (found.rows, found.rejects) == (3, 3)
    assert [one.where for one in found.examples] == ["d.jpg", "e.jpg", "f.jpg"]
    assert "does not open as one" in found.examples[0].reason
    assert found.bytes == sum((photos / f"{name}.jpg").stat().st_size for name in "abc")
    assert found.pixels == 64 * 32 + 300 * 1000 + 10 * 200
    assert found.histogram == {64: 1, 256: 1, 1024: 1}
    assert found.vector_bytes == 3 * 8 * 4
    assert found.seconds > 0
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_nothing_but_defects(photos):
    for name in "abc":
        (photos / f"{name}.jpg").unlink()
    inputs = open_images([str(photos)], SourceOptions(), scan=find_images)
    found = dry_run_images(inputs, Timed())
    assert (found.rows, found.rejects, found.seconds, found.histogram) == (0, 3, 0.0, {})


def test_huge_images_are_counted_or_refused_without_warnings(tmp_path):
    for name, side in (("large", 10_000), ("bomb", 20_000)):
        image = Image.new("1", (side, side))
        image.save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.png").rename(tmp_path / f"{name}.jpg")
    inputs = open_images([str(tmp_path)], SourceOptions(), scan=find_images)
    found = dry_run_images(inputs, Timed())
    assert (found.rows, found.rejects, found.histogram) == (1, 1, {None: 1})
    assert found.examples[0].where == "bomb.jpg"


def test_the_sample_is_small(tmp_path):
    save(tmp_path / "a.jpg", 8, 8)
    (tmp_path / "t.csv").write_text("path\n" + "a.jpg\n" * 2000)
    inputs = open_image_table([str(tmp_path / "t.csv")], SourceOptions(column="path"))
    encoder = Timed()
    found = dry_run_images(inputs, encoder)
    assert found.rows == 2000
    assert encoder.sizes[0] == 8
    assert 32 <= encoder.sizes[1] < 64
