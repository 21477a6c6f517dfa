"""`v2m curve`: prints when, and how much, the picture of a video changes."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.files import check_video
from cli.score import runtime_of
from cli.terminal import LABELS, LOADING, bar, user_errors


def curve(
    video: Annotated[Path, typer.Argument(help="The video to analyze.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole curve and its events as JSON.")] = False,
    model: Annotated[
        Path | None, typer.Option(envvar="V2M_MODEL", help="Use the picture encoder of this model folder.")
    ] = None,
    device: Annotated[str, typer.Option(envvar="V2M_DEVICE", help="auto, cpu or cuda:N (audio models).")] = "auto",
) -> None:
    """Print the events of VIDEO: the moments at which its picture changes, and how much (0 to 1).

    Example:

    v2m curve holiday.mp4
    """
    with user_errors(), bar(LABELS[LOADING]) as show:
        runtime = runtime_of(device)
        check_video(video)
        from model_core.curves.video import curve_json, video_curve
        from model_core.media import probe
        from model_core.pipeline import load_picture_encoder

        info = probe(video)
        pictures = load_picture_encoder(model, runtime)
        found = video_curve(video, pictures, info.duration, lambda fraction: show(LABELS["curve"], fraction, 1.0))
    if as_json:
        typer.echo(json.dumps(curve_json(found)))
        return
    events = found.peaks()
    for time, strength in zip(events.times, events.strengths, strict=True):
        typer.echo(f"{time:8.2f} s  {strength:.2f}")
