"""DINOv2 picture encoder, by transformers: the features of the paper's video event curve."""

from pathlib import Path
from typing import Final, Literal, Self

import numpy as np
import torch
from huggingface_hub.errors import StrictDataclassError
from numpy.typing import NDArray
from safetensors import SafetensorError
from transformers import Dinov2Model
from transformers.utils import logging

from model_core.encoders.registry import PICTURE_ENCODERS, EncoderEntry, check_pictures
from model_core.encoders.weights import CONFIG, fetch_snapshot, one_line, read_object
from model_core.errors import ModelError

BATCH: Final = 16
"""Pictures per run: limits the memory, to about 300 MB with the large model in float32."""
WIDTHS: Final = {"dinov2-small": 384, "dinov2-base": 768, "dinov2-large": 1024, "dinov2-giant": 1536}
"""Feature length of each published size."""
REPOSITORY: Final = "facebook/{name}"
MEAN: Final = (0.485, 0.456, 0.406)
DEVIATION: Final = (0.229, 0.224, 0.225)
"""ImageNet's mean and deviation of each channel, as in training."""


class Dinov2:
    """Mean of a picture's patch tokens after the last layer norm.

    The paper says only that they are pooled over space. The class token is left out: it is a summary of another kind,
    in which a moving object weighs as much as the whole scene.
    """

    size: int = 224
    feature_kind: Literal["picture"] = "picture"

    def __init__(self, name: str, network: Dinov2Model, device: str = "cpu") -> None:
        """Move ``network`` to ``device``, in bfloat16 on CUDA and in float32 elsewhere."""
        self.name = name
        self._device = torch.device(device)
        self._dtype = torch.bfloat16 if self._device.type == "cuda" else torch.float32
        self._network = network.to(device=self._device, dtype=self._dtype).eval().requires_grad_(False)
        self._mean = torch.tensor(MEAN, device=self._device)[:, None, None]
        self._deviation = torch.tensor(DEVIATION, device=self._device)[:, None, None]

    @classmethod
    def load(cls, name: str, folder: Path, device: str = "cpu") -> Self:
        """Load a folder as transformers saves it.

        Raises:
            ModelError: the folder has no DINOv2, another size than ``name``, or missing or unknown weights.
        """
        return cls(name, read_dinov2(name, folder), device)

    def embed(self, rgb: NDArray[np.uint8], previous: NDArray[np.uint8] | None = None) -> NDArray[np.float32]:
        """Features (N, D) of pictures (N, 224, 224, 3), uint8 RGB; N may be 0. ``previous`` is not used.

        Raises:
            ValueError: the array has another shape or type.
        """
        check_pictures(rgb, self.size)
        out = np.empty((len(rgb), self._network.config.hidden_size), np.float32)
        for start in range(0, len(rgb), BATCH):
            out[start : start + BATCH] = self._pool(rgb[start : start + BATCH])
        return out

    @torch.no_grad()
    def _pool(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        pictures = torch.tensor(rgb).to(self._device).permute(0, 3, 1, 2).float() / 255
        normed = ((pictures - self._mean) / self._deviation).to(self._dtype)
        tokens = self._network(pixel_values=normed).last_hidden_state
        return np.asarray(tokens[:, 1:].float().mean(dim=1).cpu().numpy())  # the first token is the class token


def read_dinov2(name: str, folder: Path) -> Dinov2Model:
    """Load the network of a folder, in float32 on the CPU; errors as for Dinov2.load."""
    config = read_object(name, folder / CONFIG)
    if (found := config.get("model_type")) != "dinov2":
        raise ModelError(f"{name}: {folder}/config.json: model_type is {found}, not dinov2")
    width = config.get("hidden_size")
    if (other := next((other for other, its in WIDTHS.items() if its == width), name)) != name:
        raise ModelError(f"{name}: {folder}/config.json: hidden_size {width} belongs to {other}")
    patch = config.get("patch_size", 14)
    if not isinstance(patch, int) or patch < 1 or Dinov2.size % patch:
        raise ModelError(f"{name}: {folder}/config.json: patch_size {patch} does not divide {Dinov2.size}")
    logging.disable_progress_bar()
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # the errors below replace transformers' messages about weights
    try:
        network, found = Dinov2Model.from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError, StrictDataclassError) as error:
        raise ModelError(f"{name}: {folder} cannot be loaded: {one_line(error)}") from error
    finally:
        logging.set_verbosity(level)
    for fault in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if found[fault]:
            first = sorted(key if isinstance(key, str) else key[0] for key in found[fault])[0]
            raise ModelError(f"{name}: {folder}: {fault.replace('_', ' ')}: {first}")
    return network


def save_dinov2(network: Dinov2Model, folder: Path) -> None:
    """Write config.json and model.safetensors as transformers does; creates the folder if needed."""
    network.save_pretrained(folder)
    for path in folder.glob("*.safetensors"):
        path.chmod(0o644)  # transformers lets only the owner read it; a service may run as another user


def _weights_folder(name: str, local: Path | None) -> Path:
    if local is None:
        files = ["config.json", "*.safetensors", "*.safetensors.index.json"]
        return fetch_snapshot(name, REPOSITORY.format(name=name), "--picture-from", files)
    if not local.is_dir():
        raise ModelError(f"{name}: {local} is not a folder. --picture-from takes a folder as transformers saves it.")
    return local


def _entry(name: str) -> EncoderEntry[Dinov2]:
    return EncoderEntry(
        load=lambda weights, device: Dinov2.load(name, _weights_folder(name, weights), device),
        keep_weights=lambda source, out: save_dinov2(read_dinov2(name, _weights_folder(name, source)), out),
    )


for _name in WIDTHS:
    PICTURE_ENCODERS.register(_name, _entry(_name))
