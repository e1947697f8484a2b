"""A process that adds rows to a collection and says so after each batch; it can be killed anywhere.

    python writing.py DATABASE FIRST LAST SECONDS

Rows are called by their number, and are written 128 a batch with some seconds between batches.
"""

import sys
import time

import numpy as np

from embedsvc.collection.collection import Collection

BATCH = 128


def say(what):
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main(database, first, last, seconds):
    collection = Collection("grown", database=database)
    say("ready")
    for start in range(int(first), int(last), BATCH):
        rows = list(range(start, min(start + BATCH, int(last))))
        vectors = np.random.default_rng(start).standard_normal((len(rows), 8), np.float32)
        collection.add(vectors=vectors, ids=[str(row) for row in rows], columns={"number": rows})
        say(start)
        time.sleep(float(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
