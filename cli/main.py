"""The command `v2m`."""

from collections.abc import Callable
from importlib.util import find_spec

import typer

from cli.doctor.command import doctor
from cli.key import key
from cli.submit import submit
from cli.up import api, up, worker
from cli.webhook_secret import webhook_secret

app = typer.Typer(
    help="A soundtrack for a video from a prompt, in time with the picture.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_commands: list[Callable[..., None]] = [submit, api, key, webhook_secret, doctor]
if find_spec("model_core.pipeline") is not None:  # not in the container image of the API, which has no models
    from cli.model import model
    from cli.report import report
    from cli.score import curve, score
    from cli.train import train

    _commands = [score, curve, report, submit, up, api, worker, key, webhook_secret, doctor]
    app.add_typer(model, name="model")
    app.add_typer(train, name="train")
for _command in _commands:
    app.command()(_command)

if __name__ == "__main__":
    app()
