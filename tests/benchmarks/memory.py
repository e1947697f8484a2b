"""Peak memory and rate of `embedsvc extract` on many short texts.

python tests/benchmarks/memory.py [--texts 1000000]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import psutil


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=1_000_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "texts.txt")
        with source.open("w", encoding="utf-8") as file:
            file.writelines(f"order {i} is late\n" for i in range(args.texts))
        program = str(Path(sys.executable).with_name("embedsvc"))
        output = str(Path(folder, "vectors.parquet"))
        start = time.perf_counter()
        process = psutil.Popen([program, "extract", str(source), "-o", output])
        peak = 0
        while process.poll() is None:
            try:
                peak = max(peak, process.memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.2)
        seconds = time.perf_counter() - start
        if process.wait():
            raise SystemExit("embedsvc extract failed")
        size = Path(output).stat().st_size
    print(
        f"{args.texts:,} texts: peak {peak / 1e6:,.0f} MB resident, {seconds:,.0f} s, "
        f"{args.texts / seconds:,.0f} texts/s, output {size / 1e6:,.0f} MB"
    )


if __name__ == "__main__":
    main()
