"""Nothing that was acknowledged is lost, and no id is there twice, whatever happens."""

import errno
import os
import signal
import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from writing import BATCH

from embedsvc.collection import adding
from embedsvc.collection.collection import Collection
from embedsvc.collection.store import Store
from embedsvc.errors import ArtifactError, OutputError

WRITER = str(Path(__file__).with_name("writing.py"))


def start(database, first, last, seconds=0.0):
    command = [sys.executable, WRITER, str(database), str(first), str(last), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check_whole(database, n_rows):
    collection = Collection("grown", database=database)
    found = collection.info(check=True)
    assert len(collection) == n_rows
    assert found["check"]["unique_ids"] == 1
    assert found["check"]["broken_vectors"] == 0
    return collection


def test_a_killed_process_loses_nothing_it_acknowledged(database):
    n_rows = 2000
    acknowledged = []
    for n_batches in (4, 9):
        child = start(database, 0, n_rows)
        for line in child.stdout:
            if line.strip() != "ready":
                acknowledged.append(int(line))
                if len(acknowledged) >= n_batches:
                    child.send_signal(signal.SIGKILL)
                    break
        assert child.wait() == -signal.SIGKILL
        child.stdout.close()
        child.stderr.close()
        collection = Collection("grown", database=database)
        for first in acknowledged:
            assert collection.count(f"number >= {first} AND number < {first + BATCH}") == BATCH
    done = start(database, 0, n_rows)
    _, told = done.communicate(timeout=120)
    assert done.returncode == 0, told
    check_whole(database, n_rows)


def test_two_writers_of_the_same_ids_lose_nothing(database):
    writers = [start(database, 0, 900, 0.01), start(database, 400, 1300, 0.01)]
    for writer in writers:
        _, told = writer.communicate(timeout=120)
        assert writer.returncode == 0, told
        assert told == ""
    check_whole(database, 1300)


def test_writers_without_a_lock_are_told_apart_by_the_engine(database, monkeypatch):
    """As in an object store: the second handle has not seen the commit of the first."""
    monkeypatch.setattr(Store, "locked", lambda self: nullcontext())
    Collection("grown", database=database).add(vectors=np.eye(1, 8), ids=["first"])
    errors = []

    def write(number):
        try:
            collection = Collection("grown", database=database)
            for at in range(6):
                ids = [str(one) for one in range(at * 10, at * 10 + 20)]
                collection.add(vectors=np.full((20, 8), number + 1.0), ids=ids)
        except Exception as err:  # noqa: BLE001  whatever it is fails the test
            errors.append(err)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    check_whole(database, 71)


def test_an_interrupt_says_what_is_kept(reviews, encoder, monkeypatch):
    monkeypatch.setattr("embedsvc.extract.windows.WINDOW_ROWS", {"texts": 2, "images": 2})

    def interrupt(n_windows):
        if n_windows == 4:
            raise KeyboardInterrupt

    encoder.before_window = interrupt
    with pytest.raises(KeyboardInterrupt, match="rows are in the collection 'reviews'. Run the"):
        reviews.add(texts=[f"text {at}" for at in range(20)])
    encoder.before_window = None
    n_before, n_encoded = len(reviews), encoder.n_encoded
    assert n_before > 5
    added = reviews.add(texts=[f"text {at}" for at in range(20)])
    assert added.unchanged == n_before - 5
    assert encoder.n_encoded - n_encoded == added.new == 25 - n_before


def test_what_stands_before_a_defect_is_kept(reviews, monkeypatch):
    monkeypatch.setattr("embedsvc.extract.windows.WINDOW_ROWS", {"texts": 2, "images": 2})
    with pytest.raises(Exception, match="ids that occur once"):
        reviews.add(ids=["1", "2", "3", "4", "4"], texts=["x"] * 5)
    assert len(reviews) == 9


def test_a_full_disk_is_told_as_such(reviews, monkeypatch):
    def full(self, *args, **kwargs):
        raise RuntimeError("lance error: LanceError(IO): No space left on device (os error 28)")

    monkeypatch.setattr("lancedb.merge.LanceMergeInsertBuilder.execute", full)
    with pytest.raises(OutputError, match="the disk is full. Make room"):
        reviews.add(texts=["x"])


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(reviews, database):
    database.chmod(0o500)
    try:
        with pytest.raises(OutputError):
            reviews.add(texts=["x"])
    finally:
        database.chmod(0o700)


def test_a_folder_that_cannot_be_locked(reviews, monkeypatch):
    def refused(self, *args, **kwargs):
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refused)
    with pytest.raises(OutputError, match="Permission denied"):
        reviews.add(texts=["x"])


def test_a_broken_table_is_told_as_such(database, same_database):
    harms = {
        "cut": lambda content: content[: len(content) // 2],
        "zeros": lambda one: bytes(len(one)),
    }
    for name, harm in {**harms, "gone": None}.items():
        same_database(name).add(texts=["x", "y"])
        for path in (database / f"{name}.lance" / "data").iterdir():
            if harm is None:
                path.unlink()
            else:
                path.write_bytes(harm(path.read_bytes()))
    code = (
        "import sys, embedsvc\n"
        "from embedsvc.errors import ArtifactError\n"
        "for name in ('cut', 'zeros', 'gone'):\n"
        "    try: embedsvc.Collection(name, database=sys.argv[1]).search([1.0] * 8)\n"
        "    except ArtifactError as err: sys.stdout.write(f'{err}\\n')\n"
    )
    # Another process, as the engine keeps what it has read of files.
    done = subprocess.run(
        [sys.executable, "-c", code, str(database)], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert [line.split("'")[1] for line in lines] == ["cut", "zeros", "gone"]
    assert all("Restore it from a copy" in line for line in lines)


def test_long_additions_join_files_meanwhile(reviews, monkeypatch):
    monkeypatch.setattr("embedsvc.extract.windows.WINDOW_ROWS", {"texts": 1, "images": 1})
    monkeypatch.setattr("embedsvc.collection.tending._COMMITS", 10)
    reviews.add(texts=[f"text {at}" for at in range(25)])
    assert reviews.info()["files"] < 20
    assert len(reviews) == 30
    assert adding.Added(new=2, unchanged=3).rows == 5


def test_a_table_of_another_program_is_not_touched(database):
    import lancedb

    from embedsvc import list_collections

    lancedb.connect(database).create_table("theirs", data=[{"id": "x", "vector": [1.0, 2.0]}])
    with pytest.raises(ArtifactError, match="a table of another program"):
        Collection("theirs", database=database).add(texts=["x"])
    (listed,) = list_collections(database)
    assert "another program" in listed.problem
