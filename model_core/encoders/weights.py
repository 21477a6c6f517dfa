"""Reading an encoder's own folder: config.json and safetensors. What is wrong with them is said in one line."""

import json
from pathlib import Path
from typing import Any, Final

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
        raise ModelError(f"{encoder}: {path} is no JSON object")
    return found


def read_weights(encoder: str, path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name; ModelError naming the encoder and the file when it cannot be read."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{encoder}: {path} cannot be read: {one_line(error)}") from error


def one_line(error: Exception) -> str:
    """The first line of what an error says, or its kind where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
