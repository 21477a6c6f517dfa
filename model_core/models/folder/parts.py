"""Parts of a model folder in diffusers' layout: networks, of which every weight is checked, tokenizer and scheduler."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.utils import logging as diffusers_logging
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoTokenizer, PreTrainedTokenizerBase, T5GemmaEncoderModel
from transformers.utils import logging as transformers_logging

from model_core.errors import ModelError
from model_core.models.folder.manifest import read_json

TOKENIZER: Final = "tokenizer/tokenizer.json"
_SHARD: Final = "12MB"
_CONFIG: Final = "config.json"
_SCHEDULER: Final = "scheduler/scheduler_config.json"
_LIBRARIES: Final = ("diffusers", "transformers")
# Errors of the libraries for invalid configurations and files.
_LOADING: Final = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    SafetensorError,
    StrictDataclassError,
)


def load_part(folder: Path, part: str, kind: Any, dtype: torch.dtype = torch.float32) -> Any:
    """Load a network of a model folder, in evaluation mode.

    Args:
        folder: the model folder.
        part: name of the network's subfolder.
        kind: class of the network, with diffusers' ModelMixin.
        dtype: precision of the weights.

    Raises:
        ModelError: the subfolder has another class, an invalid size, or missing or unknown weights.
    """
    read_config(folder, part, kind)
    with _loading(folder, part):
        network, found = kind.from_pretrained(
            folder / part, torch_dtype=dtype, use_safetensors=True, output_loading_info=True
        )
    _check_keys(folder, part, found)
    return network.eval()


def load_text_encoder(folder: Path, dtype: torch.dtype) -> T5GemmaEncoderModel:
    """Load the T5Gemma encoder in text_encoder/, in evaluation mode; ModelError when it is missing or another model."""
    read_text_encoder_config(folder)
    with _loading(folder, "text_encoder"):
        network, found = T5GemmaEncoderModel.from_pretrained(
            folder / "text_encoder", dtype=dtype, use_safetensors=True, output_loading_info=True
        )
    _check_keys(folder, "text_encoder", found)
    return network.eval()


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer in tokenizer/; ModelError when it cannot be read."""
    if not (folder / TOKENIZER).is_file():  # transformers would build an empty one from the other files
        raise ModelError(f"model folder {folder}: {TOKENIZER} is missing")
    with _loading(folder, "tokenizer"):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder / "tokenizer")
        tokenizer("a word")
    return tokenizer


def load_scheduler(folder: Path) -> FlowMatchEulerDiscreteScheduler:
    """Load the scheduler of a model folder; ModelError when the sampler cannot use it."""
    config = _of_class(folder, _SCHEDULER, FlowMatchEulerDiscreteScheduler)
    with _loading(folder, _SCHEDULER):
        scheduler = FlowMatchEulerDiscreteScheduler.from_config(config)
        scheduler.set_timesteps(sigmas=[1.0, 0.5])  # as the sampler does
    return scheduler


def read_config(folder: Path, part: str, kind: Any) -> dict[str, Any]:
    """Read the configuration of a network; ModelError when its class is not ``kind``."""
    return _of_class(folder, f"{part}/{_CONFIG}", kind)


def read_text_encoder_config(folder: Path) -> dict[str, Any]:
    """Read the configuration of text_encoder/; ModelError when it is not that of a T5Gemma."""
    config = read_json(folder, f"text_encoder/{_CONFIG}")
    if config.get("model_type") != "t5gemma":
        fault = f"model_type is {config.get('model_type')}, not t5gemma"
        raise ModelError(f"model folder {folder}: text_encoder/{_CONFIG}: {fault}")
    return config


def save_part(network: Any, folder: Path) -> None:
    """Write a network as float16 safetensors of at most 12 MB each, which any git host accepts."""
    # diffusers stores private values in the configuration, such as the path that the network was loaded from
    config = {name: value for name, value in network.config.items() if not name.startswith("_")}
    half = type(network).from_config(config)
    half.load_state_dict(network.state_dict())
    half.half().save_pretrained(folder, max_shard_size=_SHARD)


@contextmanager
def _loading(folder: Path, part: str) -> Iterator[None]:
    """Turn errors of the libraries into ModelError of one line, and silence their logs and progress bars."""
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    before = {name: logging.getLogger(name).level for name in _LIBRARIES}
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # diffusers' AutoencoderSAME is written with the older of torch's two weight norms.
            warnings.filterwarnings("ignore", ".*weight_norm", FutureWarning)
            yield
    except torch.OutOfMemoryError:
        raise
    except _LOADING as error:
        text = str(error).partition("\n")[0] or type(error).__name__
        raise ModelError(f"model folder {folder}: {part} cannot be loaded: {text}") from error
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def _check_keys(folder: Path, part: str, found: dict[str, Any]) -> None:
    for fault in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if found[fault]:
            raise ModelError(f"model folder {folder}: {part}: {fault.replace('_', ' ')}: {sorted(found[fault])[0]}")


def _of_class(folder: Path, name: str, kind: Any) -> dict[str, Any]:
    config = read_json(folder, name)
    found = config.get("_class_name")
    if found != kind.__name__:
        raise ModelError(f"model folder {folder}: {name}: _class_name is {found}, not {kind.__name__}")
    return config
