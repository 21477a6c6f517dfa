"""`v2m key`, which creates an API key, and `v2m webhook-secret`, which prints the secret of a key's webhooks."""

import os
from typing import Annotated, Final

import typer

from cli.terminal import fail
from jobs.infra.access_settings import NAME
from jobs.webhooks.message import Signer

VARIABLE: Final = "V2M_WEBHOOK_SECRET"


def key(
    name: Annotated[
        str, typer.Argument(help="Name of its owner: 1 to 64 letters, digits, dots, underscores and hyphens.")
    ],
) -> None:
    """Create an API key. Give the key to the user. Add the entry to V2M_API_KEYS and restart the service.

    The key is printed only once and is not stored. The entry holds its SHA-256.

    Example:

    v2m key alice
    """
    if NAME.fullmatch(name) is None:
        fail("NAME: must be 1 to 64 letters, digits, dots, underscores and hyphens", 2)
    from service.auth.keys import digest, new_key  # loads FastAPI, which `v2m --help` does not need

    created = new_key()
    typer.echo(f"key    {created}")
    typer.echo(f"entry  {name}:{digest(created.encode()).hex()}")


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
