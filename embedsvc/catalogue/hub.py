"""Models from the Hugging Face hub, by the hub's own client and cache."""

from __future__ import annotations

from pathlib import Path

from embedsvc.catalogue.cache import home, is_offline
from embedsvc.errors import InputError, OfflineError, WeightsError

PREFIX = "huggingface:"
# All that a BERT folder is read from; above all no pickled weights.
_FILES = ["*.json", "vocab.txt", "*.safetensors", "*/config.json", "*/model.safetensors"]


def pull_from_hub(handle: str) -> Path:
    """Download a model's files, or find them in the cache.

    Args:
        handle: "huggingface:OWNER/NAME" or "huggingface:OWNER/NAME@REVISION". A revision that is
            a commit never changes; a branch, such as the default one, may.

    Returns:
        The folder of that revision in EMBEDSVC_HOME.

    Raises:
        InputError: no such handle.
        OfflineError: not cached, and EMBEDSVC_OFFLINE=1 forbids the network.
        WeightsError: the hub could not be reached, or has no such model.
    """
    repository, _, revision = handle.removeprefix(PREFIX).partition("@")
    # Light commands must not pay for the client.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(
            repository,
            revision=revision or None,
            cache_dir=home() / "huggingface",
            allow_patterns=_FILES,
            local_files_only=is_offline(),
        )
    except HFValidationError as err:
        raise InputError(
            f"Expected a model as {PREFIX}OWNER/NAME or {PREFIX}OWNER/NAME@REVISION, "
            f"got {handle!r}."
        ) from err
    except LocalEntryNotFoundError as err:
        if is_offline():
            raise OfflineError(
                f"Expected {handle!r} in {home() / 'huggingface'}, where it is not, and "
                "EMBEDSVC_OFFLINE forbids the network. Load it once where there is a network and "
                "copy that folder, or pass a local folder."
            ) from err
        raise _unreachable(handle, err) from err
    except (OSError, ValueError) as err:  # the client's errors of network and disk are OSErrors
        raise _unreachable(handle, err) from err
    return Path(folder)


def _unreachable(handle: str, err: Exception) -> WeightsError:
    reason = str(err).strip().split("\n")[0].rstrip(".")
    return WeightsError(
        f"Expected to download {handle!r}, got: {reason}. Check the name and the network, or "
        "download the model elsewhere and pass its folder."
    )
