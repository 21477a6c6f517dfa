"""`v2m train`: trains the embedded model stage by stage, and audio models on a folder of music.

See docs/training.md and docs/models.md.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.terminal import user_errors
from model_core.errors import InputError

if TYPE_CHECKING:
    from model_core.training.stages import StageContext

_OURS: Final = ("cli", "model_core")
_STOPPED: Final = 130
"""Exit status when a stage was stopped by a signal; its checkpoint is on disk."""

train = typer.Typer(
    help="Train the embedded model: corpus, codec, planner, flow, curve, then export, in this order. With --model, "
    "curve fine-tunes an audio model instead.",
    no_args_is_help=True,
)

Work = Annotated[Path, typer.Option(help="Folder for the results of all stages.")]
Seed = Annotated[int, typer.Option(min=0, max=1000, help="Random seed. Use the same one in all stages.")]
Resume = Annotated[bool, typer.Option("--resume/--fresh", help="Continue an earlier run, or start again.")]
Steps = Annotated[int | None, typer.Option(min=1, help="Stop after this many steps.")]
Minutes = Annotated[
    float | None, typer.Option(min=0.01, help="Stop after this many minutes, including those before a restart.")
]
SaveEvery = Annotated[float, typer.Option(min=0, help="Seconds between checkpoints.")]
Start = Annotated[Path | None, typer.Option(help="Model folder whose weights to start from.")]
Tokens = typer.Option(min=48, help="Latent frames of two beats in each step. Default: 1024.")

_WORK: Final = Path("work/train")
_SAVE_EVERY_S: Final = 180.0
_TOKENS: Final = 1024
_STAGES: Final = "model_core.training.stages"
_STREAM: Final = "model_core.training.stream"
_AUDIO: Final = "model_core.training.audio.finetune"


def _audio(text: str, *names: str, least: float | None = None) -> Any:
    """An option of `curve` that is for audio models only."""
    return typer.Option(*names, help=text, min=least, rich_help_panel="Audio models")


@train.command()
def corpus(
    work: Work = _WORK,
    pieces: Annotated[
        int, typer.Option(min=0, help="Number of whole pieces without a curve, for codec and flow.")
    ] = 9000,
    rendered: Annotated[
        int, typer.Option(min=0, help="Number of pieces of many lengths with their music curves.")
    ] = 3600,
    processes: Annotated[int, typer.Option(min=1, help="Number of processes that compose and render.")] = 2,
    seed: Seed = 0,
    resume: Resume = True,
) -> None:
    """Compose the corpus: pieces, captions with embeddings, and music curves of rendered pieces."""
    with _stages(work, seed, resume) as (stages, context):
        stages.run_corpus(context, pieces, rendered, processes)


@train.command()
def codec(
    work: Work = _WORK,
    steps: Steps = None,
    minutes: Minutes = None,
    start: Start = None,
    seed: Seed = 0,
    resume: Resume = True,
    save_every: SaveEvery = _SAVE_EVERY_S,
) -> None:
    """Train the codec, a beat VAE. Default: 8,000 steps."""
    with _stages(work, seed, resume, steps, minutes, save_every, default_steps=8000) as (stages, context):
        stages.run_codec(context, start)


@train.command()
def planner(
    work: Work = _WORK,
    steps: Steps = None,
    minutes: Minutes = None,
    seed: Seed = 0,
    resume: Resume = True,
    save_every: SaveEvery = _SAVE_EVERY_S,
) -> None:
    """Train the prompt planner. Default: 3,000 steps."""
    with _stages(work, seed, resume, steps, minutes, save_every, default_steps=3000) as (stages, context):
        stages.run_planner(context)


@train.command()
def flow(
    work: Work = _WORK,
    steps: Steps = None,
    minutes: Minutes = None,
    width: Annotated[int, typer.Option(min=64, help="Width of the transformer, a multiple of 64.")] = 256,
    depth: Annotated[int, typer.Option(min=1, help="Number of blocks of the transformer.")] = 8,
    tokens: Annotated[int, Tokens] = _TOKENS,
    seed: Seed = 0,
    resume: Resume = True,
    save_every: SaveEvery = _SAVE_EVERY_S,
) -> None:
    """Train the flow on captioned pieces without curves. Default: 60 minutes."""
    with _stages(work, seed, resume, steps, minutes, save_every, default_minutes=60) as (stages, context):
        if width % 64:
            raise InputError("--width", f"{width} is not a multiple of 64", "width")
        stages.run_flow(context, width, depth, tokens)


@train.command()
def curve(
    work: Work = _WORK,
    steps: Steps = None,
    minutes: Minutes = None,
    start: Start = None,
    tokens: Annotated[int | None, Tokens] = None,
    seed: Seed = 0,
    resume: Resume = True,
    save_every: SaveEvery = _SAVE_EVERY_S,
    model: Annotated[Path | None, _audio("Model folder of an audio model, from `v2m model init`.")] = None,
    data: Annotated[Path | None, _audio("Folder of music.")] = None,
    out: Annotated[
        Path | None, _audio("The model folder to write. An existing model folder is replaced.", "--out", "-o")
    ] = None,
    seconds: Annotated[float | None, _audio("Length of a crop in seconds. Default: 30.", least=1)] = None,
    lora: Annotated[int | None, _audio("Rank of the adapters; 0 trains all weights. Default: 16.", least=0)] = None,
    batch: Annotated[int | None, _audio("Crops per device in each batch. Default: 8.", least=1)] = None,
    accumulate: Annotated[int | None, _audio("Batches per step. Default: 1.", least=1)] = None,
    learning_rate: Annotated[
        float | None, _audio("Learning rate, at most 1. Default: 1e-4, or 5e-5 for all weights.")
    ] = None,
    precision: Annotated[str | None, _audio("auto (bfloat16 on a GPU), bfloat16 or float32.")] = None,
    checkpointing: Annotated[bool | None, _audio("Use less memory and more time.")] = None,
    validate_every: Annotated[
        int | None, _audio("Steps between measurements of the held-out loss. Default: 250.", least=1)
    ] = None,
    listen_every: Annotated[
        int | None, _audio("Steps between generated samples; 0 = never. Default: 2000.", least=0)
    ] = None,
) -> None:
    """Train the flow to follow the event curve. Default: 30 minutes.

    With --model, --data and --out: fine-tune an audio model on a folder of music. Default: 5,000 steps.

    Example:

    v2m train curve --model models/mine-0 --data my-music --out models/mine-1
    """
    settings = {
        "seconds": seconds,
        "lora": lora,
        "batch": batch,
        "accumulate": accumulate,
        "learning_rate": learning_rate,
        "precision": precision,
        "checkpointing": checkpointing,
        "validate_every": validate_every,
        "listen_every": listen_every,
    }
    given_settings = {name: value for name, value in settings.items() if value is not None}
    own = {"start": start, "tokens": tokens}
    if model is None and data is None and out is None:
        with _stages(work, seed, resume, steps, minutes, save_every, default_minutes=30) as (stages, context):
            _refuse(given_settings, "has no effect without --model, --data and --out. Remove it.")
            stages.run_curve(context, start, tokens or _TOKENS)
        return
    with _stages(work, seed, resume, steps, minutes, save_every, default_steps=5000, module=_AUDIO) as (audio, context):
        if model is None or data is None or out is None:
            raise InputError("--model", "needs --data and --out as well", "missing")
        _refuse(
            {name: value for name, value in own.items() if value is not None},
            "has no effect for an audio model. Remove it.",
        )
        audio.finetune(context, model, data, out, audio.FineTuneSettings(**given_settings))


@train.command()
def stream(
    work: Work = _WORK,
    steps: Steps = None,
    minutes: Minutes = None,
    start: Start = None,
    pieces: Annotated[int, typer.Option(min=32, help="Pieces in memory at a time, a multiple of 32.")] = 1024,
    tokens: Annotated[int, Tokens] = _TOKENS,
    seed: Seed = 0,
    resume: Resume = True,
    save_every: SaveEvery = _SAVE_EVERY_S,
) -> None:
    """Train the flow of a model folder further on pieces that do not repeat, 20,000 steps by default.

    It needs no other stage. --start is the shipped model by default, or what `export --stream` wrote.
    """
    with _stages(work, seed, resume, steps, minutes, save_every, default_steps=20000, module=_STREAM) as (
        found,
        context,
    ):
        if pieces % 32:
            raise InputError("--pieces", f"{pieces} is not a multiple of 32", "pieces")
        found.run_stream(context, start, pieces, tokens)


@train.command()
def export(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The model folder to write. An existing model folder is replaced.")
    ],
    work: Work = _WORK,
    name: Annotated[str | None, typer.Option(help="Name of the model. Default: the name of the folder.")] = None,
    version: Annotated[str, typer.Option(help="Version of the model.")] = "1.0",
    licence: Annotated[str, typer.Option(help="License of the weights, as an SPDX identifier.")] = "MIT",
    from_stream: Annotated[bool, typer.Option("--stream", help="Export the last checkpoint of `stream`.")] = False,
    start: Annotated[
        Path | None, typer.Option(help="With --stream: the model folder that the run started from.")
    ] = None,
) -> None:
    """Write the trained parts as a model folder for --model and V2M_MODEL."""
    name = name or out.resolve().name
    if from_stream:
        with _stages(work, module=_STREAM) as (found, context):
            found.export_stream(context, start, out, name, version)
        return
    with _stages(work) as (stages, context):
        _refuse({} if start is None else {"start": start}, "needs --stream")
        stages.export_model(context, out, name, version, licence)


@contextmanager
def _stages(
    work: Path,
    seed: int = 0,
    resume: bool = True,
    steps: int | None = None,
    minutes: float | None = None,
    save_every: float = _SAVE_EVERY_S,
    *,
    default_steps: int | None = None,
    default_minutes: float | None = None,
    module: str = _STAGES,
) -> Iterator[tuple[ModuleType, "StageContext"]]:
    """The module of the stages, or another one, and the options of all stages; errors become one line."""
    with user_errors():
        try:
            from model_core.training import stages
            from model_core.training.loop import Limit, StoppedError

            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in _OURS:
                raise  # a bug, which installing something does not mend
            detail = f"needs the package {error.name}, which is not installed: "
            raise InputError("train", f"{detail}pip install 'v2m-zero[cpu,train]'", "not_installed") from error
        if steps is None and minutes is None:
            steps, minutes = default_steps, default_minutes
        limit = Limit(steps, None if minutes is None else 60 * minutes)
        context = stages.StageContext(work, seed, not resume, _say, limit, save_every)
        try:
            work.mkdir(parents=True, exist_ok=True)
            yield found, context
        except StoppedError as error:
            raise typer.Exit(_STOPPED) from error
        except OSError as error:
            raise InputError("--work", f"{error.strerror or error}: {error.filename or work}", "unwritable") from error


def _refuse(given: dict[str, Any], why: str) -> None:
    """InputError that names the first of the options, if there is one: none is ignored silently."""
    for name in given:
        raise InputError(f"--{name.replace('_', '-')}", why, "not_supported")


def _say(line: str) -> None:
    print(line, flush=True)
