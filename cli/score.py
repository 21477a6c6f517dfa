"""`v2m score`: writes music for a video in this process, without a service."""

import re
import shutil
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.files import check_outputs, check_video, new_file, temporary_folder
from cli.option_flags import with_option_flags
from cli.terminal import OutputError, stages_bar, user_errors
from model_core.errors import InputError
from model_core.options import ScoreOptions, check_prompt, check_supported
from model_core.runtime import Runtime

_DEFAULTS: Final = ScoreOptions()
_DEVICE: Final = re.compile(r"auto|cpu|cuda(:\d+)?")
_PRECISIONS: Final = ("auto", "bfloat16", "float32")
_AS_EVER: Final = {(device, precision) for device in ("auto", "cpu") for precision in ("auto", "float32")}
"""Choices that ask the embedded model for what it does anyway."""


@with_option_flags
def score(
    video: Annotated[Path, typer.Argument(help="The video to write music for.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The new video. Missing folders are created.", show_default=False)
    ],
    prompt: Annotated[
        str, typer.Option(help="What the music should be. Empty: it follows the video alone.", show_default=False)
    ] = "",
    options: ScoreOptions = _DEFAULTS,
    model: Annotated[
        Path | None, typer.Option(envvar="V2M_MODEL", help="Model folder to use instead of the embedded model.")
    ] = None,
    device: Annotated[
        str, typer.Option(envvar="V2M_DEVICE", help="auto, cpu, cuda or cuda:N (audio models).")
    ] = "auto",
    precision: Annotated[
        str, typer.Option(envvar="V2M_PRECISION", help="auto, bfloat16 or float32 (audio models).")
    ] = "auto",
    window: Annotated[
        float | None,
        typer.Option(envvar="V2M_WINDOW_S", min=1, help="Longest music generated at once, in seconds (audio models)."),
    ] = None,
    wav: Annotated[Path | None, typer.Option(help="Also write the music as a WAV file.")] = None,
    midi: Annotated[Path | None, typer.Option(help="Also write the notes as a MIDI file (score models).")] = None,
    report: Annotated[Path | None, typer.Option(help="Also write a report as a JSON file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite output files that exist.")] = False,
) -> None:
    """Write music for VIDEO.

    The picture is copied without loss. The original sound is replaced.

    Examples:

    v2m score holiday.mp4 --prompt "calm piano and strings" -o out/holiday.mp4

    v2m score holiday.mp4 --prompt "fast rock" -o rock.mp4 --seed 7 --wav rock.wav --midi rock.mid
    """
    with user_errors(), stages_bar() as progress:
        runtime = runtime_of(device, precision, window)
        check_video(video)
        check_outputs({"--output": output, "--wav": wav, "--midi": midi, "--report": report}, video, force=force)
        check_prompt(prompt)
        from model_core.media import output_suffix, probe
        from model_core.models.registry import model_kind

        # All that can be refused is refused before the model is loaded.
        kind = model_kind(model)
        check_supported(options, kind.unsupported_options)
        if midi is not None and not kind.writes_notes:
            raise InputError("--midi", f"the model {model} makes sound, not notes. Remove --midi.", "no_notes")
        info = probe(video)
        suffix = output_suffix(info)
        if output.suffix.lower() != suffix:
            better = output.with_suffix(suffix)
            raise InputError("--output", f"for this video it must end in {suffix}. Use -o {better}.", "suffix")
        if info.audio_codec is not None:
            typer.echo("v2m: the original sound of the video is replaced by the music.", err=True)
        if not kind.runs_on_gpu and (device, precision) not in _AS_EVER:
            typer.echo("v2m: --device and --precision have no effect: this model runs on the CPU.", err=True)

        from model_core.pipeline import Pipeline
        from model_core.runtime import run_within_memory

        pipeline = Pipeline.load(model, runtime)
        soundtrack = run_within_memory(lambda: pipeline.score_video(video, prompt, options, progress))
        try:
            with temporary_folder(output.resolve().parent) as folder:
                paths = soundtrack.write(video, folder, progress)
                for variant, target in (("video", output), ("audio", wav), ("midi", midi), ("report", report)):
                    if target is not None:
                        with new_file(target) as beside:
                            shutil.move(paths[variant], beside)
        except OSError as error:
            raise OutputError(output, error) from error
    typer.echo(output)


def runtime_of(device: str, precision: str = "auto", window_s: float | None = None) -> Runtime:
    """The runtime that the options name; InputError for a word that is not allowed."""
    if not _DEVICE.fullmatch(device):
        raise InputError("--device", f"must be auto, cpu, cuda or cuda:N, not {device}")
    if precision not in _PRECISIONS:
        raise InputError("--precision", f"must be auto, bfloat16 or float32, not {precision}")
    return Runtime(device=device, precision=precision, window_s=window_s)
