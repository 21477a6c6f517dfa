"""Error output of the command line: one line on stderr, and an exit status that says whose fault it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import typer
from pydantic import ValidationError

from model_core.errors import DeviceMemoryError, InputError, ModelError
from model_core.options import ScoreOptions

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as shells have it."""
_TYPED: Final = {name: f"--{name.replace('_', '-')}" for name in ("prompt", *ScoreOptions.model_fields)}
"""The options of a score by the names of their fields: errors name them as they are typed."""


class OutputError(Exception):
    """A result cannot be written. The message names the file and the reason in one line."""

    def __init__(self, path: object, error: OSError) -> None:
        super().__init__(f"cannot write {path}: {error.strerror or error}")


def fail(message: str, status: int) -> NoReturn:
    """Print one line on stderr and end the command with an exit status."""
    typer.echo(f"v2m: {message}", err=True)
    raise typer.Exit(status)


def settings_at_fault(error: ValidationError) -> list[str]:
    """One sentence for each invalid setting, with the name of its environment variable."""
    from jobs.infra.settings import setting_errors  # loads redis, which most commands do not need

    return setting_errors(error)


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn errors that a user can act on into one line on stderr.

    The exit status is 2 for an input or option that cannot be used, and 1 for a model that cannot be loaded, memory
    that is too small, and files that cannot be read or written.
    """
    try:
        yield
    except InputError as error:
        fail(f"{_TYPED.get(error.field, error.field)}: {error.detail}", 2)
    except (ModelError, DeviceMemoryError, OutputError) as error:
        fail(str(error), 1)
    except BrokenPipeError:
        raise  # the reader of a pipe has gone: typer ends quietly
    except OSError as error:
        name = "" if error.filename is None else f"{error.filename}: "
        fail(f"{name}{error.strerror or error}", 1)
