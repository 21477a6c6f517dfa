"""`v2m model`: model folders made from published checkpoints. docs/models.md tells how to get those."""

from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import ValidationError

from cli.errors import user_errors
from model_core.errors import InputError, ModelError
from model_core.models.stable_audio import InitSettings

model = typer.Typer(help="Model folders made from published checkpoints.", no_args_is_help=True)
_DEFAULTS: Final = InitSettings(name="")
_OPTIONS: Final = {"hann_window_s": "--window", "name": "--name", "licence": "--licence"}


@model.callback()
def _group() -> None:
    """Keeps `init` a command of its own while it is the only one."""


@model.command()
def init(
    base: Annotated[str, typer.Option(help="Stable Audio 3 as diffusers lays it out: a folder, or a hub repository.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model folder to write, or to replace.")],
    name: Annotated[str | None, typer.Option(help="Of the model; by default the folder's.")] = None,
    picture: Annotated[str, typer.Option(help="Encoder of the pictures, by name.")] = _DEFAULTS.picture,
    picture_from: Annotated[str | None, typer.Option(help="A local copy of its weights.")] = None,
    music: Annotated[str, typer.Option(help="Encoder of the music, by name.")] = _DEFAULTS.music,
    music_from: Annotated[str | None, typer.Option(help="A local copy of its weights.")] = None,
    window: Annotated[
        float, typer.Option(help="Hann window that curves are smoothed with, in seconds.")
    ] = _DEFAULTS.hann_window_s,
    longest: Annotated[
        float | None, typer.Option(min=1, help="Longest music made at once, in seconds; by default as published.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Of the weights, as an SPDX identifier.")] = _DEFAULTS.licence,
) -> None:
    """Give Stable Audio 3 the event curve as an input, ready for `v2m train curve`."""
    with user_errors():
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
        except SafetensorError as error:  # its own way of telling that a disk is full
            raise ModelError(f"{out} cannot be written: {str(error).partition(chr(10))[0]}") from error
    typer.echo(f"{out}: {made.name}, from {made.base}; it takes a curve, and has yet to learn to follow it")
