"""The workers of `v2m up`: their options, which `v2m worker` takes too, and the GPUs that get a worker each."""

import inspect
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from jobs.infra.settings import Settings

WORKER_OPTIONS: Final[dict[str, Any]] = {
    "model": Annotated[Path | None, typer.Option(help="Another model folder than the embedded one (env V2M_MODEL).")],
    # How an audio model runs; a score model takes no notice of it.
    "device": Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N, for audio models (env V2M_DEVICE).")],
    "precision": Annotated[
        str | None, typer.Option(help="auto, bfloat16 or float32, for the same (env V2M_PRECISION).")
    ],
    "window_s": Annotated[
        float | None,
        typer.Option("--window", help="Longest music made at once, in seconds, for the same (env V2M_WINDOW_S)."),
    ],
    "compile": Annotated[
        bool | None,
        typer.Option("--compile/--no-compile", help="Compile it: one slow job, then fast (env V2M_COMPILE)."),
    ],
    "look_ahead": Annotated[
        str | None, typer.Option(help="auto, on or off: decode the next video early (env V2M_LOOK_AHEAD).")
    ],
}
"""By the names of their settings; None leaves a setting to the environment."""


def with_worker_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives ``command`` these options in the place of its ``**`` parameter, which gets them by the settings' names."""
    # typer makes options of what a function's signature says, and knows no way to share some among commands.
    signature = inspect.signature(command)
    own = [given for given in signature.parameters.values() if given.kind is not inspect.Parameter.VAR_KEYWORD]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
        for name, option in WORKER_OPTIONS.items()
    ]
    vars(command)["__signature__"] = signature.replace(parameters=[*own, *shared])
    return command


_GPU_LINE: Final = re.compile(r"^GPU \d+: .*\(UUID: (GPU-[0-9a-fA-F-]+)\)", re.MULTILINE)
_TIMEOUT_S: Final = 30.0


def list_gpus() -> list[str]:
    """GPUs of this machine, found without torch: one value of CUDA_VISIBLE_DEVICES for each.

    These are the entries of that variable if it is set, otherwise UUIDs. Empty where nvidia-smi is missing or fails.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [entry.strip() for entry in visible.split(",") if entry.strip() not in ("", "-1", "NoDevFiles")]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return _GPU_LINE.findall(listed.stdout) if listed.returncode == 0 else []


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
