"""`v2m key`: creates an API key, and the entry of V2M_API_KEYS that lets its owner in."""

from typing import Annotated

import typer

from cli.errors import fail
from jobs.infra.access_settings import NAME


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
