"""`v2m report`: measures how well the music of any video follows its picture."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from cli.files import check_outputs, check_video, new_file
from cli.terminal import LABELS, LOADING, bar, user_errors
from model_core.errors import InputError

if TYPE_CHECKING:
    from model_core.sync.report import SyncReport

OURS: Final = ("cli", "model_core")
_LOOK_SHARE: Final = 0.9  # of the progress of a measurement; the rest is listening


def report(
    video: Annotated[Path, typer.Argument(help="A video with music, made by v2m or not.")],
    events: Annotated[
        str | None,
        typer.Option(help="Seconds that the music should meet, such as 1.2,3.04. Default: the changes in the picture."),
    ] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this JSON file; - prints them.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Write a picture (PNG) of frames, curve, sound, hits and misses.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite output files that exist.")] = False,
) -> None:
    """Measure how well the music of VIDEO follows its picture.

    It counts the changes in the picture that have a strong sound within 0.1 s, and compares that with chance. The last
    line says it in words. In the table, a value far above the column "by chance", and a small p, mean good sync.

    Example:

    v2m report out/holiday.mp4 --picture out/holiday.png
    """
    with user_errors(), bar(LABELS[LOADING]) as show:
        check_video(video)
        to_stdout = json_out == Path("-")
        check_outputs({"--json": None if to_stdout else json_out, "--picture": picture}, video, force=force)
        wanted = _seconds(events)
        try:
            import numpy as np

            from model_core.encoders.efficientnet import EfficientNetLite0
            from model_core.sync.picture import draw_report
            from model_core.sync.report import measure, report_json
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in OURS:
                raise  # a bug, which installing something does not mend
            detail = (
                f"needs the package {error.name}, which is not installed. Run `make setup-report` in a clone of the "
                "project, or pip install 'v2m-zero[cpu,evaluation]'."
            )
            raise InputError("report", detail, "not_installed") from error

        def on_progress(fraction: float) -> None:
            show(LABELS["curve"] if fraction < _LOOK_SHARE else "Measuring the sync", fraction, 1.0)

        given = None if wanted is None else np.array(wanted, np.float64)
        measured = measure(video, EfficientNetLite0(), given, on_progress)
        figures = json.dumps(report_json(measured), indent=1, allow_nan=False)
        if picture is not None:
            show("Drawing the picture", 1.0, 1.0)
            with new_file(picture) as file:
                draw_report(video, measured, file, video.name)
        if json_out is not None and not to_stdout:
            with new_file(json_out) as file:
                file.write_text(figures + "\n")
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
