"""`v2m webhook-secret`: prints the secret with which one key's owner verifies webhooks."""

import os
from typing import Annotated, Final

import typer

from cli.errors import fail
from jobs.infra.access_settings import NAME
from jobs.webhooks.signing import Signer

VARIABLE: Final = "V2M_WEBHOOK_SECRET"


def webhook_secret(name: Annotated[str, typer.Argument(help="Name of the API key, as in V2M_API_KEYS.")]) -> None:
    """Print the signing secret to give to the owner of API key NAME.

    It is derived from V2M_WEBHOOK_SECRET and NAME; if V2M_WEBHOOK_SECRET holds several secrets, one line is printed for
    each. A service without API keys signs with V2M_WEBHOOK_SECRET itself.

    Example:

    v2m webhook-secret alice
    """
    try:
        if NAME.fullmatch(name) is None:
            raise ValueError("NAME: must be 1 to 64 letters, digits, dots, underscores and hyphens")
        secrets = _signer().secrets(name)
    except ValueError as error:
        fail(str(error), 2)
    for secret in secrets:
        typer.echo(secret)


def _signer() -> Signer:
    text = os.environ.get(VARIABLE)
    if not text:
        raise ValueError(f"{VARIABLE}: is not set. Set it to the service's secret first.")
    try:
        return Signer(text)
    except ValueError as error:
        raise ValueError(f"{VARIABLE}: {error}") from None
