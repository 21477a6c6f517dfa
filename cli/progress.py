"""Progress bars on stderr. They are shown on a terminal only: scripts and log files get errors and nothing else."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

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

from model_core.options import ProgressCallback

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
"""What people read for each stage of a score."""
_SHARES: Final = {
    LOADING: 0.5,
    "probe": 0.01,
    "curve": 0.17,
    "plan": 0.01,
    "generate": 0.26,
    "render": 0.03,
    "mux": 0.02,
}
"""About how much of the time each stage takes, for a short video on two CPU cores."""
Show = Callable[[str, float, float | None], None]
"""Called as (label, amount done, total amount or None where it is unknown)."""


@contextmanager
def bar(first: str) -> Iterator[Show]:
    """A bar with the label ``first``, until the function that it gives is called with another."""
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
    """A bar over all stages of a score, from loading the model to writing the video."""
    total = sum(_SHARES.values())
    before = {stage: sum(list(_SHARES.values())[:i]) for i, stage in enumerate(_SHARES)}
    with bar(LABELS[LOADING]) as show:

        def report(stage: str, fraction: float) -> None:
            show(LABELS[stage], before[stage] + fraction * _SHARES[stage], total)

        report(LOADING, 0.0)
        yield report
