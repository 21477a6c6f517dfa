"""Whether a worker's packages are there and go together, without importing any of them."""

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from cli.doctor.finding import Deployment, Finding, fail, ok, warn

_SUBJECT: Final = "packages"
MODELS: Final = ("diffusers", "onnxruntime", "safetensors", "tinysoundfont", "transformers")
GPU: Final = Path("/dev/nvidia0")


def check(deployment: Deployment) -> Iterator[Finding]:
    """torch, what must not lie beside it, and what else the models need."""
    torch = _version("torch")
    if torch is None:
        advice = "pip install 'v2m-zero[cpu]' or 'v2m-zero[gpu]', if a worker is to run here"
        yield warn(_SUBJECT, "torch is not installed: this machine can run the API, and no worker", advice)
        return
    missing = [name for name in MODELS if _version(name) is None]
    if missing:
        advice = "pip install 'v2m-zero[cpu]' or 'v2m-zero[gpu]', and tinysoundfont with --no-deps"
        yield fail(_SUBJECT, f"a worker cannot run here without {', '.join(missing)}", advice)
    cuda = cuda_of_torch()
    yield ok(_SUBJECT, f"torch {torch}, built for {'the CPU' if cuda is None else f'CUDA {cuda}'}")
    yield from _mismatches(deployment.settings.device, cuda, _version("torchaudio"), GPU.exists())


def _mismatches(device: str, cuda: str | None, torchaudio: str | None, gpu: bool) -> Iterable[Finding]:
    """``device``: the setting; ``cuda``: what torch was built for; ``gpu``: whether there is one."""
    if cuda is None and torchaudio is not None:
        found = f"torchaudio {torchaudio} lies beside a torch for the CPU, which breaks imports"
        yield fail(_SUBJECT, found, "pip uninstall torchaudio")
    if device.startswith("cuda") and (cuda is None or not gpu):
        lacks = "torch is built for the CPU" if cuda is None else f"there is no {GPU}"
        yield fail(_SUBJECT, f"V2M_DEVICE is {device}, and {lacks}", "install v2m-zero[gpu], or set V2M_DEVICE to auto")
    elif gpu and cuda is None:
        yield warn(_SUBJECT, "there is a GPU that torch cannot use", "install v2m-zero[gpu], for audio models")
    elif cuda is not None and not gpu:
        yield warn(
            _SUBJECT, "torch is built for CUDA, and there is no GPU", "give the container its GPU, if it has one"
        )


def cuda_of_torch() -> str | None:
    """The CUDA version that torch was built for, read in its files; None for a build for the CPU."""
    spec = find_spec("torch")  # finds a package without importing it
    for folder in (spec.submodule_search_locations if spec else None) or ():
        told = Path(folder) / "version.py"
        if told.is_file() and (found := re.search(r"^cuda\b[^=]*=\s*'([^']+)'", told.read_text(), re.MULTILINE)):
            return found[1]
    return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
