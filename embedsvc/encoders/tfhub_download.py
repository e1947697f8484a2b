"""Fetch SavedModels from TF Hub and Kaggle, by their own clients, once.

tensorflow_hub keeps what it fetched in TFHUB_CACHE_DIR where that is set, and here otherwise in
EMBEDSVC_HOME/tfhub; what kagglehub fetches stands in EMBEDSVC_HOME/kaggle.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import shutil
import sys
import tarfile
import tempfile
import urllib.request
import warnings
import zlib
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import tensorflow as tf

from embedsvc.catalogue.cache import home, is_offline
from embedsvc.encoders.tfhub_handles import KAGGLE, PREFIX, Source
from embedsvc.errors import MissingExtraError, OfflineError, WeightsError
from embedsvc.files import format_bytes
from embedsvc.progress import Advance, progress_bar

_TIMEOUT_SECONDS = 60
# Several times the largest BERT with its optimizer; an archive of zeros can unpack without end.
_MAX_BYTES = 16 << 30


def fetch(source: Source) -> Path:
    """Find a SavedModel on the disk, or fetch it first.

    Args:
        source: a part of a `Pair`.

    Returns:
        The SavedModel's folder.

    Raises:
        OfflineError: it would have to be fetched, and EMBEDSVC_OFFLINE forbids the network.
        WeightsError: it could not be fetched or stored.
        MissingExtraError: the client is not installed.
    """
    if source.kind == "folder":
        return Path(source.address)
    return _fetch_url(source.address) if source.kind == "url" else _fetch_kaggle(source.address)


# By tensorflow_hub


def _fetch_url(url: str) -> Path:
    hub = _tensorflow_hub()
    # hub.resolve() does the same, but can be told its cache only by the environment.
    cache = Path(hub.resolver.tfhub_cache_dir(default_cache_dir=str(home() / "tfhub")))
    folder = cache / hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()
    if folder.is_dir() and any(folder.iterdir()):
        return folder
    if is_offline():
        raise _offline(url, cache)

    def download(url: str, target: str) -> None:
        with (
            progress_bar(f"Downloading {_short(url)}", total=None, unit="bytes") as advance,
            urllib.request.urlopen(_request(url), timeout=_TIMEOUT_SECONDS) as response,
        ):
            hub.file_utils.extract_tarfile_to_destination(response, target, _bounded(url, advance))

    try:
        cache.mkdir(parents=True, exist_ok=True)
        # Locks out other processes, and renames when all is there.
        hub.resolver.atomic_download(url, download, str(folder))
    # Of the network and the disk; of TensorFlow's files; of archives that are none.
    except (OSError, http.client.HTTPException, tf.errors.OpError) as err:
        raise _unreachable(url, cache, err) from err
    except (tarfile.TarError, zlib.error, EOFError, ValueError) as err:
        raise _unreachable(url, cache, err) from err
    return folder


def _request(url: str) -> urllib.request.Request:
    # The protocol of https://www.tensorflow.org/hub/hosting
    joint = "&" if "?" in url else "?"
    return urllib.request.Request(f"{url}{joint}tf-hub-format=compressed")


def _bounded(url: str, advance: Advance) -> Advance:
    total = 0

    def count(n_bytes: int) -> None:
        nonlocal total
        total += n_bytes
        if total > _MAX_BYTES:
            raise WeightsError(
                f"Expected at most {format_bytes(_MAX_BYTES)} behind {url}, got more. It is not "
                "the encoder it should be: do not use it."
            )
        advance(n_bytes)

    return count


def _tensorflow_hub() -> Any:
    try:
        with warnings.catch_warnings():
            # It imports pkg_resources, which warns that it will go.
            warnings.simplefilter("ignore")
            import tensorflow_hub
            import tensorflow_hub.file_utils
            import tensorflow_hub.resolver
    except ImportError as err:
        raise MissingExtraError(
            f"Expected tensorflow_hub to be importable, got: {err}. Run: pip install "
            "'tensorflow-hub>=0.16.1' 'setuptools<82' tf-keras"
        ) from err
    return tensorflow_hub


# By kagglehub


def _fetch_kaggle(handle: str) -> Path:
    cache = home() / "kaggle"
    folder = cache / handle
    if folder.is_dir():
        return folder
    if is_offline():
        raise _offline(f"{KAGGLE}{handle}", cache)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".", suffix=".partial", dir=folder.parent))
    except OSError as err:
        raise _unreachable(f"{KAGGLE}{handle}", cache, err) from err
    try:
        _download_kaggle(handle, staging, cache)
        # Another process may have been faster: its folder is as good.
        if not folder.is_dir():
            staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def _download_kaggle(handle: str, staging: Path, cache: Path) -> None:
    # The client writes to stdout, which is kept for results.
    with redirect_stdout(sys.stderr or io.StringIO()):
        try:
            import kagglehub
            from kagglehub import exceptions
        except ImportError as err:
            raise MissingExtraError(
                f"Expected kagglehub to be installed to fetch '{KAGGLE}{handle}', got: {err}. "
                "Run: pip install 'embedsvc[kaggle]'"
            ) from err
        errors = (
            exceptions.BackendError,
            exceptions.CredentialError,
            exceptions.DataCorruptionError,
            exceptions.KaggleEnvironmentError,
            exceptions.NotFoundError,
            exceptions.UnauthenticatedError,
            OSError,  # of network and disk
            ValueError,
        )
        try:
            kagglehub.model_download(handle, output_dir=str(staging))
        except errors as err:
            raise _unreachable(f"{KAGGLE}{handle}", cache, err) from err


def _short(url: str) -> str:
    return "/".join(url.partition("?")[0].rstrip("/").rsplit("/", 2)[-2:])


def _offline(what: str, cache: Path) -> OfflineError:
    return OfflineError(
        f"Expected {what!r} in {cache}, where it is not, and EMBEDSVC_OFFLINE forbids the network. "
        "Load it once where there is a network and copy that folder, or pass local folders: "
        f"{PREFIX}ENCODER_FOLDER+PREPROCESS_FOLDER"
    )


def _unreachable(what: str, cache: Path, err: Exception) -> WeightsError:
    reason = str(err).strip().split("\n")[0].rstrip(".")[:300]
    return WeightsError(
        f"Expected to download {what!r} into {cache}, got: {reason}. Check the handle, the network "
        f"and the disk, or download it elsewhere and pass folders: "
        f"{PREFIX}ENCODER_FOLDER+PREPROCESS_FOLDER"
    )
