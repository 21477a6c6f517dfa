"""The GPUs of this machine, found without torch."""

import os
import re
import subprocess
from typing import Final

from jobs.infra.settings import Settings

_LINE: Final = re.compile(r"^GPU \d+: .*\(UUID: (GPU-[0-9a-fA-F-]+)\)", re.MULTILINE)
_TIMEOUT_S: Final = 30.0


def list_gpus() -> list[str]:
    """One value of CUDA_VISIBLE_DEVICES for each GPU: the entries of that variable if it is set, otherwise UUIDs.

    Empty where nvidia-smi is missing or fails.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [entry.strip() for entry in visible.split(",") if entry.strip() not in ("", "-1", "NoDevFiles")]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return _LINE.findall(listed.stdout) if listed.returncode == 0 else []


def gpus_for_workers(settings: Settings) -> list[str]:
    """The GPUs that get a worker each; empty means one worker without a GPU of its own.

    ``V2M_GPUS`` is the most that are used, and their number where nvidia-smi is missing. A model that runs on the CPU,
    and a ``V2M_DEVICE`` that names one device, get one worker.

    Raises:
        ModelError: ``settings.model`` is not a model folder.
    """
    if settings.device not in ("auto", "cuda") or not _uses_gpus(settings):
        return []
    found = list_gpus()
    if settings.gpus is None:
        return found
    return found[: settings.gpus] or [str(number) for number in range(settings.gpus)]


def _uses_gpus(settings: Settings) -> bool:
    if settings.model is None:
        return False  # the embedded model
    from model_core.models.registry import model_kind

    return model_kind(settings.model).runs_on_gpu
