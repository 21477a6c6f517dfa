"""All commands of `v2m`, put together."""

from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from cli.doctor import doctor
from cli.keys import key, webhook_secret
from cli.submit import submit
from cli.terminal import INTERRUPTED, fail
from cli.up import api, up, worker


class _Group(TyperGroup):
    """Ends a command that Ctrl-C interrupts in one line."""

    def invoke(self, ctx: Any) -> Any:
        """See click.Group."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            fail("interrupted", INTERRUPTED)


class _Command(TyperCommand):
    """Refuses an empty path, such as that of an unset variable in ``--state "$UNSET"``: it would mean the current
    folder."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See click.Command."""
        given = list(args)
        rest = super().parse_args(ctx, args)
        for before, text in pairwise(["", *given]):
            if text and not (text.startswith("--") and text.endswith("=")):
                continue
            option = text.removesuffix("=") or before
            for parameter in self.get_params(ctx):
                is_meant = option in parameter.opts or (
                    parameter.param_type_name == "argument" and not option.startswith("-")
                )
                if is_meant and ctx.params.get(parameter.name or "") == Path():
                    raise typer.BadParameter("the path is empty", ctx=ctx, param_hint=option or "the argument")
        return rest


app = typer.Typer(
    cls=_Group,
    help="Write music for a video, from a prompt and in time with the picture.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_commands: list[Callable[..., None]] = [submit, api, key, webhook_secret, doctor]
_groups: dict[str, typer.Typer] = {}
if find_spec("model_core.pipeline") is not None:  # not in the container image of the API, which has no models
    from cli.curve import curve
    from cli.model import model
    from cli.report import report
    from cli.score import score
    from cli.train import train

    _commands = [score, curve, report, submit, up, api, worker, key, webhook_secret, doctor]
    _groups = {"model": model, "train": train}
for _command in _commands:
    app.command(cls=_Command)(_command)
for _name, _group in _groups.items():
    for _info in _group.registered_commands:
        _info.cls = _Command
    app.add_typer(_group, name=_name)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"v2m {version('v2m-zero')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass
