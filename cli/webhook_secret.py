"""`v2m webhook-secret`: what the receivers of one key's webhooks verify them with."""

import os
from typing import Annotated, Final

import typer

from jobs.infra.access_settings import NAME
from jobs.webhooks.signing import Signer

VARIABLE: Final = "V2M_WEBHOOK_SECRET"


def webhook_secret(name: Annotated[str, typer.Argument(help="Name of the API key, as in V2M_API_KEYS.")]) -> None:
    """Show the secret of a key's webhooks, made of V2M_WEBHOOK_SECRET and the key's name; one for each of several.

    It is for who has that key alone. Without API keys V2M_WEBHOOK_SECRET itself signs.
    """
    try:
        if NAME.fullmatch(name) is None:
            raise ValueError("NAME: must be 1 to 64 letters, digits, dots, underscores and hyphens")
        secrets = _signer().secrets(name)
    except ValueError as error:
        typer.echo(f"v2m: {error}", err=True)
        raise typer.Exit(2) from error
    for secret in secrets:
        typer.echo(secret)


def _signer() -> Signer:
    text = os.environ.get(VARIABLE)
    if not text:
        raise ValueError(f"{VARIABLE}: is not set; the service's own is needed here")
    try:
        return Signer(text)
    except ValueError as error:
        raise ValueError(f"{VARIABLE}: {error}") from None
