"""A file that damaged files name and nobody may open. The kernel tells whether somebody did."""

import ctypes
import os
import shutil
import struct
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from model_core.assets import asset
from tests.processes import ROOT

CANARY: Final = ROOT / "out/fuzz/canary.mp4"
_OPENED: Final = 0x20  # IN_OPEN of <sys/inotify.h>
_EVENT: Final = struct.Struct("iIII")


class Watch:
    """Counts how often a file is opened by any process while the ``with`` block lasts."""

    def __init__(self, path: Path = CANARY) -> None:
        self._path = path
        self._libc = ctypes.CDLL(None, use_errno=True)

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            shutil.copyfile(asset("demo/montage.mp4"), self._path)
        self._descriptor = self._libc.inotify_init1(os.O_NONBLOCK)
        if self._libc.inotify_add_watch(self._descriptor, os.fsencode(self._path), _OPENED) < 0:
            raise OSError(ctypes.get_errno(), "the file cannot be watched", str(self._path))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def opened(self) -> int:
        """How often since the last call."""
        try:
            events = os.read(self._descriptor, 1 << 16)
        except BlockingIOError:
            return 0
        return len(events) // _EVENT.size  # a watched file's events have no name behind them
