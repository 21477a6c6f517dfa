"""Weights of encoders: config.json and safetensors of a folder, and published files on the hub.

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
    """Read a JSON object; ModelError, which names encoder and file, when there is none."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{encoder}: {path} cannot be read: {one_line(error)}") from error
    if not isinstance(found, dict):
        raise ModelError(f"{encoder}: {path} is not a JSON object")
    return found


def read_weights(encoder: str, path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file by name; ModelError, which names encoder and file, on failure."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{encoder}: {path} cannot be read: {one_line(error)}") from error


def one_line(error: Exception) -> str:
    """First line of an error's message, or the name of its class if the message is empty."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def fetch_snapshot(name: str, repository: str, option: str, patterns: Sequence[str]) -> Path:
    """Fetch the matching files of a repository and return their folder in the hub's cache; see fetch_published."""
    return fetch_published(
        name, repository, option, lambda: snapshot_download(repository, allow_patterns=list(patterns))
    )


def fetch_files(name: str, repository: str, option: str, files: Sequence[str]) -> Path:
    """Fetch files into one folder of the hub's cache and return the path of the last; see fetch_published."""
    return fetch_published(name, repository, option, lambda: [hf_hub_download(repository, file) for file in files][-1])


def fetch_published(name: str, repository: str, option: str, download: Callable[[], str]) -> Path:
    """Call ``download`` and return its path; errors become one line.

    Args:
        name: encoder or model, for messages.
        repository: repository on the Hugging Face hub, for messages.
        option: command-line option that takes a local copy, for messages.
        download: function that fetches from the hub.

    Raises:
        ModelError: the download failed; one line.
    """
    try:
        return Path(download())
    except Exception as error:  # errors of the hub, of its HTTP library and of the disk
        reason = one_line(error)
        if isinstance(error, GatedRepoError):
            reason = "its owner grants access on request: accept the terms on its page, then `hf auth login`"
        elif isinstance(error, RepositoryNotFoundError):
            reason = "there is no such repository, or it is private"
        elif isinstance(error, RemoteEntryNotFoundError):
            reason = "its files have another layout, see docs/models.md"
        raise ModelError(f"{name}: {repository} cannot be fetched: {reason} ({option} takes a local copy)") from error
