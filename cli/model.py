"""`v2m model`: makes model folders from published checkpoints, see docs/models.md."""

from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import ValidationError

from cli.terminal import user_errors
from model_core.errors import InputError, ModelError
from model_core.models.folder.manifest import MANIFEST
from model_core.models.stable_audio import InitSettings

model = typer.Typer(help="Make model folders from published checkpoints.", no_args_is_help=True)
_DEFAULTS: Final = InitSettings(name="")
_OPTIONS: Final = {"hann_window_s": "--window", "name": "--name", "licence": "--licence"}


@model.callback()
def _group() -> None:
    """Keep `init` a command of its own while it is the only one."""


@model.command()
def init(
    base: Annotated[
        str, typer.Option(help="Stable Audio 3 in diffusers' layout: a folder, or a hub repository OWNER/NAME.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model folder to write.")],
    name: Annotated[str | None, typer.Option(help="Name of the model. Default: the name of the folder.")] = None,
    picture: Annotated[str, typer.Option(help="Name of the picture encoder.")] = _DEFAULTS.picture,
    picture_from: Annotated[str | None, typer.Option(help="A local copy of the picture encoder's weights.")] = None,
    music: Annotated[str, typer.Option(help="Name of the music encoder.")] = _DEFAULTS.music,
    music_from: Annotated[str | None, typer.Option(help="A local copy of the music encoder's weights.")] = None,
    window: Annotated[
        float, typer.Option(help="Width of the Hann window that smooths curves, in seconds.")
    ] = _DEFAULTS.hann_window_s,
    longest: Annotated[
        float | None, typer.Option(min=1, help="Longest music generated at once, in seconds. Default: as published.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the model folder --out if it exists.")] = False,
    licence: Annotated[str, typer.Option(help="License of the weights, as an SPDX identifier.")] = _DEFAULTS.licence,
) -> None:
    """Add the event curve as an input to Stable Audio 3, ready for `v2m train curve`.

    Example:

    v2m model init --base sa3-medium-base --out models/mine-0
    """
    with user_errors():
        if (out / MANIFEST).is_file() and not force:
            raise InputError("--out", f"{out} already holds a model. Use another folder, or --force to replace it.")
        from safetensors import SafetensorError

        from model_core.models.stable_audio.init import init_model

        settings = InitSettings(
            name=out.resolve().name if name is None else name,
            licence=licence,
            picture=picture,
            music=music,
            picture_from=picture_from,
            music_from=music_from,
            hann_window_s=window,
            longest_s=longest,
        )
        try:
            made = init_model(base, out, settings)
        except ValidationError as error:
            first = error.errors()[0]
            option = _OPTIONS.get(str(first["loc"][-1]) if first["loc"] else "", "--longest")
            raise InputError(option, f"{first['msg']}, not {str(first['input'])[:80]}") from error
        except OSError as error:
            raise ModelError(f"{error.strerror or error}: {error.filename or out}") from error
        except SafetensorError as error:  # how it reports a full disk
            raise ModelError(f"{out} cannot be written: {str(error).partition(chr(10))[0]}") from error
    typer.echo(
        f"{out}: {made.name}, from {made.base}; it takes the event curve as an input. Train it with `v2m train curve`."
    )
