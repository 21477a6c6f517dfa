"""The parts of a model folder as diffusers writes them: networks, with every weight accounted for, and scheduler."""

from pathlib import Path
from typing import Any, Final

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError

from model_core.errors import ModelError
from model_core.model_folder_manifest import read_json

_SHARD: Final = "12MB"
_CONFIG: Final = "config.json"
_SCHEDULER: Final = "scheduler/scheduler_config.json"


def load_part(folder: Path, part: str, kind: Any) -> Any:
    """A network of a model folder in float32 and evaluation mode.

    Args:
        folder: the model folder.
        part: name of the network's subfolder.
        kind: a class with diffusers' ModelMixin.

    Raises:
        ModelError: the subfolder holds another class, a size that cannot be, or not just the weights that are needed.
    """
    _config_of(folder, f"{part}/{_CONFIG}", kind)
    diffusers_logging.disable_progress_bar()
    try:
        network, found = kind.from_pretrained(
            folder / part, torch_dtype=torch.float32, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"model folder {folder}: {part} cannot be loaded: {str(error).splitlines()[0]}") from error
    for fault in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if found[fault]:
            raise ModelError(f"model folder {folder}: {part}: {fault.replace('_', ' ')}: {sorted(found[fault])[0]}")
    return network.eval()


def load_scheduler(folder: Path) -> FlowMatchEulerDiscreteScheduler:
    """The scheduler of a model folder; ModelError when it is none that the generator can use."""
    config = _config_of(folder, _SCHEDULER, FlowMatchEulerDiscreteScheduler)
    try:
        scheduler = FlowMatchEulerDiscreteScheduler.from_config(config)
        scheduler.set_timesteps(sigmas=[1.0, 0.5])  # the way the generator asks for them
    except (ValueError, TypeError) as error:
        raise ModelError(f"model folder {folder}: {_SCHEDULER}: {error}") from error
    return scheduler


def _config_of(folder: Path, name: str, kind: Any) -> dict[str, Any]:
    config = read_json(folder, name)
    found = config.get("_class_name")
    if found != kind.__name__:
        raise ModelError(f"model folder {folder}: {name}: _class_name is {found}, not {kind.__name__}")
    return config


def save_part(network: Any, folder: Path) -> None:
    """Write a network as float16 safetensors of at most 12 MB each, which any git host accepts."""
    # diffusers keeps private notes in the configuration, such as the path the network was read from
    config = {name: value for name, value in network.config.items() if not name.startswith("_")}
    half = type(network).from_config(config)
    half.load_state_dict(network.state_dict())
    half.half().save_pretrained(folder, max_shard_size=_SHARD)
