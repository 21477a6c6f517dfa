"""Weights that are published on the Hugging Face hub. What goes wrong there is said in one line, with the way round."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from huggingface_hub import hf_hub_download, snapshot_download
from huggingface_hub.errors import GatedRepoError, RemoteEntryNotFoundError, RepositoryNotFoundError

from model_core.encoders.weights import one_line
from model_core.errors import ModelError

DINOV2: Final = "facebook/{name}"
MUSICFM: Final = "minzwon/MusicFM"
MUSICFM_FILES: Final = ("msd_stats.json", "pretrained_msd.pt")
"""The second of the two checkpoints: by its authors' word the better, and the one of their example."""


def dinov2_folder(name: str) -> Path:
    """Folder in the hub's cache with the configuration and the weights of a DINOv2; ModelError when not to be had."""
    repository = DINOV2.format(name=name)
    wanted = ["config.json", "*.safetensors", "*.safetensors.index.json"]
    return had(name, repository, "--picture-from", lambda: snapshot_download(repository, allow_patterns=wanted))


def musicfm_checkpoint() -> Path:
    """A published checkpoint in the hub's cache, its statistics beside it; ModelError when not to be had."""
    return had(
        "musicfm", MUSICFM, "--music-from", lambda: [hf_hub_download(MUSICFM, file) for file in MUSICFM_FILES][-1]
    )


def had(name: str, repository: str, option: str, download: Callable[[], str]) -> Path:
    """What ``download`` fetches of a repository; ModelError in one line when it cannot.

    ``name`` is of what is wanted, ``option`` is the one that takes a local copy of it.
    """
    try:
        return Path(download())
    except Exception as error:  # of the hub's own kinds, of its HTTP library's and of the disk's
        reason = one_line(error)
        if isinstance(error, GatedRepoError):
            reason = "its owner grants access on request: accept the terms on its page, then `hf auth login`"
        elif isinstance(error, RepositoryNotFoundError):
            reason = "there is no such repository, or it is private"
        elif isinstance(error, RemoteEntryNotFoundError):
            reason = "it is laid out in another way, see docs/models.md"
        raise ModelError(f"{name}: {repository} cannot be had: {reason} ({option} takes a local copy)") from error
