"""`v2m report`: how well the music of a video follows its picture, whoever made it."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cli.errors import user_errors
from cli.files import check_target, check_video
from model_core.errors import InputError

if TYPE_CHECKING:
    from model_core.sync.report import SyncReport

OURS: Final = ("cli", "model_core")


def report(
    video: Annotated[Path, typer.Argument(help="Video with music, made by v2m or not.")],
    events: Annotated[
        str | None,
        typer.Option(help="Seconds that the music should meet, as 1.2,3.04; by default the picture's own changes."),
    ] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the figures as JSON; - prints them.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw frames, curve, sound, hits and misses as PNG.")] = None,
) -> None:
    """Measure how well the music of VIDEO follows its picture, against chance."""
    with user_errors():
        check_video(video)
        to_stdout = json_out == Path("-")
        check_target("--json", None if to_stdout else json_out, video)
        check_target("--picture", picture, video)
        if picture is not None and picture.suffix.lower() != ".png":
            raise InputError("--picture", f"{picture.name} must end in .png", "suffix")
        if picture is not None and json_out is not None and picture.resolve() == json_out.resolve():
            raise InputError("--json", "names the same file as --picture", "same_file")
        wanted = _seconds(events)
        try:
            import numpy as np

            from model_core.encoders.efficientnet import EfficientNetLite0
            from model_core.sync.picture import draw_report
            from model_core.sync.report import measure, report_json
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in OURS:
                raise  # a fault of ours, which no installing mends
            # The picture's encoder and scipy come with the models, the rest with the evaluation.
            detail = f"needs the package {error.name}: install v2m-zero[evaluation] beside the models, as in "
            raise InputError("report", f"{detail}pip install 'v2m-zero[cpu,evaluation]'", "not_installed") from error
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("measure", total=1.0)
            measured = measure(
                video,
                EfficientNetLite0(),
                None if wanted is None else np.array(wanted, np.float64),
                lambda fraction: bar.update(task, completed=fraction),
            )
        figures = json.dumps(report_json(measured), indent=1, allow_nan=False)
        if picture is not None:
            with _written("--picture"):
                draw_report(video, measured, picture, video.name)
        if json_out is not None and not to_stdout:
            with _written("--json"):
                json_out.write_text(figures + "\n")
    if to_stdout:
        typer.echo(figures)
    else:
        _print(measured)


def _seconds(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError("--events", f"{text!r} is not a list of seconds such as 1.2,3.04") from None


@contextmanager
def _written(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(name, f"cannot be written: {error.strerror or error}", "unwritable") from error


def _print(measured: "SyncReport") -> None:
    from model_core.sync.report import lag_ms, summarize

    table = Table(box=None)
    for title in ("figure", "value", "by chance", "z", "p"):
        table.add_column(title, justify="left" if title == "figure" else "right")
    for name, figure in measured.figures.items():
        table.add_row(name, f"{figure.value:.2f}", f"{figure.mean:.2f}", f"{figure.z:.1f}", p_text(figure.p))
    r = measured.correlation
    lag = lag_ms(measured)
    label = "curve r" if math.isnan(lag) else f"curve r, lag {lag:+.0f} ms"
    table.add_row(label, f"{r.r:.2f}", f"{r.null_mean:.2f}", f"{r.z:.1f}", p_text(r.p))
    tempo = measured.sound.tempo_bpm
    table.add_row("tempo heard", f"{tempo:.0f} bpm" if tempo else "none")
    console = Console()
    console.print(table)
    console.print(summarize(measured), soft_wrap=True, highlight=False)


def p_text(p: float) -> str:
    """Three digits; never 0, as p never is."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"
