"""How the command line tells of errors: one line, and an exit status that says whose fault it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from pydantic import ValidationError

from jobs.infra.settings import setting_errors
from model_core.errors import DeviceMemoryError, InputError, ModelError


def settings_at_fault(error: ValidationError) -> list[str]:
    """One sentence for each invalid setting, with the name of its environment variable."""
    return setting_errors(error)


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn bad input into one line on stderr and exit status 2, a model that cannot be loaded or held into 1."""
    try:
        yield
    except InputError as error:
        typer.echo(f"v2m: {error.field}: {error.detail}", err=True)
        raise typer.Exit(2) from error
    except (ModelError, DeviceMemoryError) as error:
        typer.echo(f"v2m: {error}", err=True)
        raise typer.Exit(1) from error
