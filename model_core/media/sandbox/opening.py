"""Opening the untrusted file on the caller's side: the sandbox process gets it open, and opens none itself."""

import os
import stat
from pathlib import Path
from typing import IO

from model_core.media.types import MediaError


def opened_file(path: Path) -> IO[bytes]:
    """The file, to be read. A pipe or device, which could block for ever, is refused here.

    Raises:
        MediaError: unreadable, when it is no regular file that exists.
        OSError: when the system does not let it be opened.
    """
    refused = MediaError("The file does not exist or is not a regular file.", "unreadable")
    if not path.is_file():
        raise refused
    # What was a file just now may be a pipe by now: O_NONBLOCK, and another look at what was really opened.
    file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0)  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise refused
    return file
