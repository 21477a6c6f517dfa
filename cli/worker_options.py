"""The options of a worker, which `v2m worker` takes for itself and `v2m up` for the worker that it starts."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

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
