"""The command `v2m`."""

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
if find_spec("model_core.pipeline") is None:  # the container image of the API, which has no models
    for _command in (submit, api, key, webhook_secret, doctor):
        app.command()(_command)
else:
    from cli.model import model
    from cli.report import report
    from cli.score import curve, score
    from cli.train import train

    for _command in (score, curve, report, submit, up, api, worker, key, webhook_secret, doctor):
        app.command()(_command)
    app.add_typer(model, name="model")
    app.add_typer(train, name="train")

if __name__ == "__main__":
    app()
