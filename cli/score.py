"""`v2m score` and `v2m curve`: the model in this process, without a service."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cli.errors import user_errors
from cli.files import check_target, check_video
from model_core.errors import InputError
from model_core.options import STAGES, ProgressCallback, ScoreOptions

_DEFAULTS = ScoreOptions()


def score(
    video: Annotated[Path, typer.Argument(help="Video to score.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the scored video goes.")],
    prompt: Annotated[str, typer.Option(help="What the music should be; empty lets the video decide.")] = "",
    seed: Annotated[int, typer.Option(help="Another seed, another score.")] = _DEFAULTS.seed,
    steps: Annotated[int | None, typer.Option(help="Sampling steps; this and the next ones by the model.")] = None,
    text_guidance: Annotated[float | None, typer.Option(help="How strongly the prompt steers.")] = None,
    curve_guidance: Annotated[float | None, typer.Option(help="How strongly the video's events steer.")] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What the music should not be (audio models).")] = None,
    sync: Annotated[float | None, typer.Option(help="How freely the tempo bends to events (score models).")] = None,
    redraws: Annotated[int | None, typer.Option(help="How often missed events are drawn again (same).")] = None,
    model: Annotated[
        Path | None, typer.Option(envvar="V2M_MODEL", help="Another model folder than the embedded one.")
    ] = None,
    device: Annotated[
        str, typer.Option(envvar="V2M_DEVICE", help="auto, cpu, cuda or cuda:N (audio models).")
    ] = "auto",
    precision: Annotated[
        str, typer.Option(envvar="V2M_PRECISION", help="auto, bfloat16 or float32 (audio models).")
    ] = "auto",
    window: Annotated[
        float | None, typer.Option(envvar="V2M_WINDOW_S", min=1, help="Longest music made at once (audio models).")
    ] = None,
    wav: Annotated[Path | None, typer.Option(help="Also write the music as WAV.")] = None,
    midi: Annotated[Path | None, typer.Option(help="Also write the notes as MIDI (score models).")] = None,
    report: Annotated[Path | None, typer.Option(help="Also write a JSON report.")] = None,
) -> None:
    """Score VIDEO with new music; its picture is copied bit for bit."""
    with user_errors():
        options = _options(
            seed=seed,
            steps=steps,
            text_guidance=text_guidance,
            curve_guidance=curve_guidance,
            negative_prompt=negative_prompt,
            sync=sync,
            redraws=redraws,
        )
        check_video(video)
        for name, target in (("--output", output), ("--wav", wav), ("--midi", midi), ("--report", report)):
            check_target(name, target, video)
        from model_core.media import output_suffix, probe
        from model_core.options import check_prompt

        check_prompt(prompt)
        suffix = output_suffix(probe(video))  # a bad file is told before the model is loaded
        if output.suffix.lower() != suffix:
            raise InputError("--output", f"{output.name} must end in {suffix} for this video", "suffix")
        with _progress_bar() as progress:
            from model_core.models.registry import model_kind
            from model_core.pipeline import Pipeline
            from model_core.runtime import Runtime, run_within_memory

            if midi is not None and not model_kind(model).writes_notes:
                raise InputError("--midi", f"the model {model} makes sound, and writes no notes", "no_notes")
            pipeline = Pipeline.load(model, Runtime(device=device, precision=precision, window_s=window))
            soundtrack = run_within_memory(lambda: pipeline.score_video(video, prompt, options, progress))
            with tempfile.TemporaryDirectory(dir=output.resolve().parent, prefix=".v2m-") as folder:
                paths = soundtrack.write(video, Path(folder), progress)
                for variant, target in (("video", output), ("audio", wav), ("midi", midi), ("report", report)):
                    if target is not None:
                        shutil.move(paths[variant], target)
    typer.echo(output)


def curve(
    video: Annotated[Path, typer.Argument(help="Video to measure.")],
    as_json: Annotated[bool, typer.Option("--json", help="The whole curve as JSON, not its events alone.")] = False,
    model: Annotated[
        Path | None, typer.Option(envvar="V2M_MODEL", help="See it as this model does, not as the embedded one.")
    ] = None,
    device: Annotated[str, typer.Option(envvar="V2M_DEVICE", help="auto, cpu or cuda:N (audio models).")] = "auto",
) -> None:
    """Print the event curve of VIDEO: when, and how much, its picture changes."""
    with user_errors():
        check_video(video)
        from model_core.curves.video import curve_json, video_curve
        from model_core.media import probe
        from model_core.pipeline import load_picture_encoder
        from model_core.runtime import Runtime

        info = probe(video)
        measured = video_curve(video, load_picture_encoder(model, Runtime(device=device)), info.duration)
    if as_json:
        typer.echo(json.dumps(curve_json(measured)))
        return
    events = measured.peaks()
    for time, strength in zip(events.times, events.strengths, strict=True):
        typer.echo(f"{time:8.2f} s  {strength:.2f}")


def _options(**values: object) -> ScoreOptions:
    try:
        return ScoreOptions.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).replace("_", "-")
        raise InputError(f"--{name}", f"{first['msg']}, not {first['input']}") from error


@contextmanager
def _progress_bar() -> Iterator[ProgressCallback]:
    columns = TextColumn("{task.description:>10}"), BarColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("load", total=len(STAGES))

        def report(stage: str, fraction: float) -> None:
            bar.update(task, description=stage, completed=STAGES.index(stage) + fraction)

        yield report
