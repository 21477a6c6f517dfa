"""What can be wrong with the store, and which of an operating system's errors says so."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class StoreError(Exception):
    """The store does not work: nobody's input is at fault, and another try may succeed."""


class StoreFullError(StoreError):
    """There is no room: on the disk, in a quota, or below the limit of one file's size."""


class MissingArtifactError(StoreError):
    """The file is not there."""


def is_full(error: OSError) -> bool:
    """True when the system refused to write because there is no room."""
    return error.errno in _FULL


def from_os_error(error: OSError, what: str) -> StoreError:
    """The store's error that says ``what`` was not possible, and why."""
    kind = StoreFullError if is_full(error) else StoreError
    return kind(f"{what}: {error.strerror or error}")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Makes an OSError of the block a StoreError that begins with ``what``."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, what) from error
