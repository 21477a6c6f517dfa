"""Terminal output of commands: errors as one line on stderr, exit statuses, and progress bars.

Progress bars are shown on a terminal only: scripts and log files get errors and nothing else.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from model_core.errors import DeviceMemoryError, InputError, ModelError
from model_core.options import ProgressCallback, ScoreOptions

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as shells have it."""
_TYPED: Final = {name: f"--{name.replace('_', '-')}" for name in ("prompt", *ScoreOptions.model_fields)}
"""The options of a score by the names of their fields: errors name them as they are typed."""
LOADING: Final = "load"
LABELS: Final[Mapping[str, str]] = {
    LOADING: "Loading the model",
    "probe": "Analyzing the video",
    "curve": "Analyzing the video",
    "plan": "Planning",
    "generate": "Composing",
    "render": "Rendering",
    "mux": "Writing the video",
}
"""Label of each stage of a score."""
_SHARES: Final = {
    LOADING: 0.5,
    "probe": 0.01,
    "curve": 0.17,
    "plan": 0.01,
    "generate": 0.26,
    "render": 0.03,
    "mux": 0.02,
}
"""Approximate share of the time of each stage, for a short video on two CPU cores."""
Show = Callable[[str, float, float | None], None]
"""Called as (label, amount done, total amount or None where it is unknown)."""


class OutputError(Exception):
    """A result cannot be written. The message names the file and the reason in one line."""

    def __init__(self, path: object, error: OSError) -> None:
        super().__init__(f"cannot write {path}: {error.strerror or error}")


def fail(message: str, status: int) -> NoReturn:
    """Print one line on stderr and end the command with an exit status."""
    typer.echo(f"v2m: {message}", err=True)
    raise typer.Exit(status)


def settings_at_fault(error: ValidationError) -> list[str]:
    """Return one sentence for each invalid setting, with the name of its environment variable."""
    from jobs.infra.settings import setting_errors  # loads redis, which most commands do not need

    return setting_errors(error)


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn errors that a user can act on into one line on stderr.

    The exit status is 2 for an input or option that cannot be used, and 1 for a model that cannot be loaded, memory
    that is too small, and files that cannot be read or written.
    """
    try:
        yield
    except InputError as error:
        fail(f"{_TYPED.get(error.field, error.field)}: {error.detail}", 2)
    except (ModelError, DeviceMemoryError, OutputError) as error:
        fail(str(error), 1)
    except BrokenPipeError:
        raise  # the reader of a pipe has gone: typer ends quietly
    except OSError as error:
        name = "" if error.filename is None else f"{error.filename}: "
        fail(f"{name}{error.strerror or error}", 1)


@contextmanager
def bar(first: str) -> Iterator[Show]:
    """Show a bar with the label ``first``, until the function that it yields is called with another."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<19}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(first, total=None)
        yield lambda label, done, total: progress.update(task, description=label, completed=done, total=total)


@contextmanager
def stages_bar() -> Iterator[ProgressCallback]:
    """Show a bar over all stages of a score, from loading the model to writing the video."""
    total = sum(_SHARES.values())
    before = {stage: sum(list(_SHARES.values())[:i]) for i, stage in enumerate(_SHARES)}
    with bar(LABELS[LOADING]) as show:

        def report(stage: str, fraction: float) -> None:
            show(LABELS[stage], before[stage] + fraction * _SHARES[stage], total)

        report(LOADING, 0.0)
        yield report
