"""Places, saved folders and labels before anything is computed."""

import csv
import json
from pathlib import Path

import pytest
from made_parts import good_part, write_bad, write_good, write_mvtec, write_part

from embedsvc.datasets.folders import scan_images
from embedsvc.errors import ArtifactError, InputError, OutputError
from embedsvc.images.records import ImageRecord
from embedsvc.jobs.detect_labels import choose_half, with_labels
from embedsvc.jobs.detect_listing import ImageListing, listing_digest
from embedsvc.jobs.detect_options import DetectOptions
from embedsvc.jobs.detect_places import open_images
from embedsvc.jobs.detect_plan import plan_detection
from embedsvc.jobs.detect_saving import check_save


@pytest.fixture
def plan(tmp_path):
    write_good(tmp_path / "good", 6)
    write_bad(tmp_path / "new", 3)

    def run(images=("new",), normal=("good",), output="report", *, detector=None, **given):
        return plan_detection(
            [tmp_path / one for one in images],
            normal and [tmp_path / one for one in normal],
            tmp_path / output,
            options=DetectOptions(**given),
            detector=detector,
        )

    return run


def test_places_that_cannot_be_combined_are_refused(tmp_path, plan):
    (tmp_path / "list.csv").write_text("path\nnew/000.png\n")
    write_mvtec(tmp_path / "gear", normal=2, good=1, bad=1)
    with pytest.raises(InputError, match=r"Expected a manifest alone, got .*list\.csv among 2"):
        plan(images=("list.csv", "new"))
    with pytest.raises(InputError, match="Expected a folder with train and test alone"):
        plan(images=("new", "gear"))
    with pytest.raises(InputError, match="Expected a list of images to score, got 'new'"):
        open_images("new", what="images to score")
    with pytest.raises(InputError, match="Expected a list of images to score, got \\[\\]"):
        open_images([], what="images to score")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="got no files"):
        plan(images=("new", "empty"))


def test_globs_are_looked_at_when_the_output_is_checked(plan):
    with pytest.raises(InputError, match="taken for images of that folder"):
        plan(images=("new/*",), output="new/report")
    assert plan(images=("new/*.png",), output="new/report").listing.total() == 3
    with pytest.raises(InputError, match="outside of"):
        plan(output="good/report")


def test_too_few_normal_images_are_told_before_they_are_read(tmp_path, plan):
    write_part(tmp_path / "one" / "1.png", good_part(1))
    with pytest.raises(InputError, match=r"at least 2 normal images to learn from in .*one, got 1"):
        plan(normal=("one",))
    with pytest.raises(InputError, match="at least 19 normal images"):
        plan(false_alarm_rate=0.05)


def test_a_manifest_can_hold_normal_images_and_labelled_anomalies(tmp_path, plan):
    rows = [("path", "label"), *((f"good/{i:03}.png", "") for i in range(6)), ("new/000.png", "1")]
    with (tmp_path / "known.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    made = plan(normal=("known.csv",))
    assert len(made.normals) == 6
    assert [one.name for one in made.labelled] == ["new/000.png"]
    # What was learned from does not measure.
    chosen = [row.columns.get("chosen") for row in made.listing.rows()]
    assert chosen == [True, None, None]


def test_the_mvtec_layout_as_normal_images_gives_those_of_train(tmp_path, plan):
    write_mvtec(tmp_path / "gear", normal=5, good=2, bad=2)
    write_bad(tmp_path / "gear" / "train" / "blot", 2)
    made = plan(normal=("gear",))
    assert {one.name.rpartition("/")[0] for one in made.normals} == {"train/good"}
    assert len(made.labelled) == 2


def test_groups_of_the_normal_images_are_used_where_they_are_known(tmp_path, plan):
    assert plan().groups is None
    rows = [("path", "group"), *((f"good/{i:03}.png", f"g{i // 2}") for i in range(6))]
    with (tmp_path / "known.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert plan(normal=("known.csv",)).groups == ["g0", "g0", "g1", "g1", "g2", "g2"]


def test_saved_folders_of_something_else_are_refused(tmp_path, plan):
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "model.json").write_text(json.dumps({"kind": "text-classifier"}))
    with pytest.raises(ArtifactError, match="got 'text-classifier'"):
        plan(normal=None, detector=folder)
    with pytest.raises(OutputError, match="with other files. Choose another one"):
        check_save(folder, tmp_path / "kept", reused=False, overwrite=True)
    with pytest.raises(OutputError, match="Not a directory"):
        check_save(tmp_path / "new" / "000.png", tmp_path / "kept", reused=False, overwrite=True)


def test_the_listing_tells_of_files_that_are_none(tmp_path):
    write_good(tmp_path / "new", 1)
    opened = open_images([tmp_path / "new"], what="images")
    odd = [ImageRecord(tmp_path / "new", "a folder"), ImageRecord(tmp_path / "a\0b", "zero")]
    rows = list(ImageListing(opened, records=odd).rows())
    assert ["a folder or a device" in rows[0].reason, "null" in rows[1].reason] == [True, True]
    # Nor does the digest of such images fail.
    assert listing_digest(odd) != listing_digest(odd[:1])


def test_the_digest_of_normal_images_changes_with_them(tmp_path):
    paths = write_good(tmp_path / "good", 3)
    before = listing_digest(scan_images([tmp_path / "good"]))
    assert listing_digest(scan_images([tmp_path / "good"])) == before
    write_part(paths[1], good_part(77))
    assert listing_digest(scan_images([tmp_path / "good"])) != before


# Labels


def made_records(n_bad, n_good=0, *, group=None):
    labels = [1] * n_bad + [0] * n_good
    return [
        ImageRecord(path, path.name, label=label, group=group and group(i))
        for i, (label, path) in enumerate(
            (label, Path(f"/x/{i}.png")) for i, label in enumerate(labels)
        )
    ]


def test_half_of_the_labelled_images_is_drawn_by_seed():
    records = [*made_records(12, 8), ImageRecord(path=None, name="unknown")]
    first = choose_half(records, needed=False, seed=0)
    assert len(first) == 10 and sum(records[i].label == 1 for i in first) == 6
    assert choose_half(records, needed=False, seed=0) == first
    assert choose_half(records, needed=False, seed=1) != first


def test_groups_are_on_one_side():
    records = made_records(24, group=lambda i: f"g{i // 4}")
    chosen = {records[i].group for i in choose_half(records, needed=False, seed=0)}
    others = {one.group for one in records} - chosen
    assert len(chosen) == 3 and len(others) == 3


def test_too_few_labels_choose_nothing_unless_they_are_needed():
    assert choose_half(made_records(9, 9), needed=False, seed=0) == []
    assert choose_half(made_records(0, 9), needed=False, seed=0) == []
    assert len(choose_half(made_records(4, 4), needed=True, seed=0)) == 4
    with pytest.raises(InputError, match="at least 4 labelled anomalies.*got 3"):
        choose_half(made_records(3, 9), needed=True, seed=0)
    # One large group can take nearly all anomalies to one side.
    torn = made_records(11, group=lambda i: "large" if i else "small")
    assert choose_half(torn, needed=False, seed=0) in ([], list(range(1, 11)))


def test_an_image_in_both_places_has_one_label(tmp_path):
    write_good(tmp_path / "good", 3)
    images = scan_images([tmp_path])
    normals = scan_images([tmp_path / "good"])
    table = tmp_path / "labels.csv"
    labelled, learned = with_labels(images, normals, {"good/001.png": 1}, source=table)
    assert [one.label for one in labelled] == [one.label for one in learned] == [None, 1, None]
