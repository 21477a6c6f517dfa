"""Weights of encoders: reading config.json and safetensors of a folder, and fetching published files from the hub.

Every error is one line that names the encoder, the file or repository, and the option that takes a local copy.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from huggingface_hub import hf_hub_download, snapshot_download
from huggingface_hub.errors import GatedRepoError, RemoteEntryNotFoundError, RepositoryNotFoundError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from model_core.errors import ModelError

CONFIG: Final = "config.json"
WEIGHTS: Final = "model.safetensors"


def read_object(encoder: str, path: Path) -> dict[str, Any]:
    """A JSON object; ModelError naming the encoder and the file when it is not there or is none."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{encoder}: {path} cannot be read: {one_line(error)}") from error
    if not isinstance(found, dict):
        raise ModelError(f"{encoder}: {path} is not a JSON object")
    return found


def read_weights(encoder: str, path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name; ModelError naming the encoder and the file when it cannot be read."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{encoder}: {path} cannot be read: {one_line(error)}") from error


def one_line(error: Exception) -> str:
    """First line of an error's message, or the name of its class where there is none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def fetch_snapshot(name: str, repository: str, option: str, patterns: Sequence[str]) -> Path:
    """Folder in the hub's cache with the matching files of a repository; ModelError as fetch_published."""
    return fetch_published(
        name, repository, option, lambda: snapshot_download(repository, allow_patterns=list(patterns))
    )


def fetch_files(name: str, repository: str, option: str, files: Sequence[str]) -> Path:
    """Path in the hub's cache of the last of ``files``, the others beside it; ModelError as fetch_published."""
    return fetch_published(name, repository, option, lambda: [hf_hub_download(repository, file) for file in files][-1])


def fetch_published(name: str, repository: str, option: str, download: Callable[[], str]) -> Path:
    """Path that ``download`` returns.

    Args:
        name: of the encoder or model, for messages.
        repository: on the Hugging Face hub, for messages.
        option: command-line option that takes a local copy, for messages.
        download: fetches from the hub.

    Raises:
        ModelError: it cannot be fetched; one line.
    """
    try:
        return Path(download())
    except Exception as error:  # the hub's own kinds, its HTTP library's and the disk's
        reason = one_line(error)
        if isinstance(error, GatedRepoError):
            reason = "its owner grants access on request: accept the terms on its page, then `hf auth login`"
        elif isinstance(error, RepositoryNotFoundError):
            reason = "there is no such repository, or it is private"
        elif isinstance(error, RemoteEntryNotFoundError):
            reason = "its files are laid out in another way, see docs/models.md"
        raise ModelError(f"{name}: {repository} cannot be fetched: {reason} ({option} takes a local copy)") from error
