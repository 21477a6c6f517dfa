"""Room for forms that are coming in: they lie in ``TMPDIR`` until they are whole."""

import shutil
import tempfile
from typing import Final

import structlog

from jobs.store.backend import StoreError, StoreFullError, translate_os_errors
from service.problems import from_store_error

log: Final = structlog.get_logger(__name__)


class Spool:
    """The disk of ``TMPDIR``, which may be another than the store's."""

    def __init__(self, min_free_bytes: int) -> None:
        """``min_free_bytes`` must stay free."""
        self._min_free_bytes = min_free_bytes

    def check(self, coming: int) -> None:
        """Problem: 507 when less than must stay free would be, with ``coming`` bytes more; 503 when nobody knows.

        Asks the kernel, which knows by heart: not worth a thread.
        """
        try:
            with translate_os_errors("the room in TMPDIR cannot be asked"):
                free = shutil.disk_usage(tempfile.gettempdir()).free - coming
            if free < self._min_free_bytes:
                raise StoreFullError(f"{free} bytes would be free in TMPDIR; {self._min_free_bytes} must stay free")
        except StoreError as error:
            log.error("form_not_spooled", error=str(error))
            raise from_store_error(error) from error
