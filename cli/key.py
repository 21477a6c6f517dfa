"""`v2m key`: a new API key, and what the service has to know of it."""

from typing import Annotated

import typer

from jobs.infra.access_settings import NAME
from service.auth.keys import digest, new_key


def key(
    name: Annotated[str, typer.Argument(help="Whose key it is: 1 to 64 letters, digits, dots, underscores, hyphens.")],
) -> None:
    """Make an API key: give the key to who shall use the API, add the entry to V2M_API_KEYS, and start again.

    The key is shown this once and kept nowhere; the entry has its SHA-256.
    """
    if NAME.fullmatch(name) is None:
        typer.echo("v2m: NAME: must be 1 to 64 letters, digits, dots, underscores and hyphens", err=True)
        raise typer.Exit(2)
    made = new_key()
    typer.echo(f"key    {made}")
    typer.echo(f"entry  {name}:{digest(made.encode()).hex()}")
