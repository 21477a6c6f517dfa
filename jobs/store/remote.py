"""Storage backend in a bucket of S3 or of a compatible service. Imported only when the settings name one."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientError as HttpError
from botocore.exceptions import BotoCoreError, ClientError
from fsspec.exceptions import FSTimeoutError
from s3fs import S3FileSystem

from jobs.store.backend import Entry, MissingArtifactError, StoreError, StoreFullError, from_os_error
from jobs.store.scratch import Scratch

_READ_BYTES: Final = 4 * 1024**2
_PART_BYTES: Final = 16 * 1024**2
_CONCURRENCY: Final = 4
_REQUESTS: Final = 3  # attempts that botocore makes for one request
_READ_ATTEMPTS: Final = 2  # that s3fs makes when a response breaks off
_ERRORS: Final = (OSError, BotoCoreError, ClientError, HttpError, FSTimeoutError)
_NO_BUCKET: Final = "NoSuchBucket"
_FULL_CODES: Final = frozenset({"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull"})
_INSUFFICIENT_STORAGE: Final = 507
_CHECK: Final = "check"  # name of the object that `check_writable` writes beside the jobs


class RemoteFiles:
    """See ``jobs.store.backend.Files``. An object appears when complete, and a set of them once the record names it."""

    def __init__(self, root: str, endpoint: str | None, scratch: Scratch) -> None:
        """``root`` is ``bucket`` or ``bucket/prefix``; credentials come from the usual ``AWS_*`` variables.

        StoreError when the bucket does not exist or cannot be reached.
        """
        self._bucket = root.partition("/")[0]
        self._base = root.rstrip("/")
        self._root = f"{self._base}/jobs"
        self._scratch = scratch
        self._fs = _file_system(endpoint)
        with _translate_errors(f"the bucket {self._bucket} cannot be used"):
            try:
                self._fs.call_s3("head_bucket", Bucket=self._bucket)
            except FileNotFoundError:
                raise StoreError(f"the bucket {self._bucket} does not exist") from None

    def put(self, key: str, path: Path) -> None:
        """See ``Files.put``."""
        with _translate_errors("the file cannot be stored"):
            self._fs.put_file(str(path), self._path(key), chunksize=_PART_BYTES)

    def put_all(self, folder: str, files: Mapping[str, Path]) -> None:
        """See ``Files.put_all``. Remains of a set that failed stay invisible until they are removed."""
        try:
            for name, path in files.items():
                self.put(f"{folder}/{name}", path)
        except StoreError:
            with suppress(StoreError):  # `jobs.retention` removes it later
                self.remove(folder)
            raise

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """See ``Files.local``: a copy in the scratch folder, removed when the block ends."""
        with self._scratch.folder("fetched") as folder:
            path = folder / "file"
            with _translate_errors("the file cannot be fetched", key):
                self._fs.get_file(self._path(key), str(path))
            yield path

    def read(self, key: str, start: int, stop: int) -> Generator[bytes]:
        """See ``Files.read``. Each chunk is one request, so a slow reader holds no connection open."""
        while start < stop:
            with _translate_errors("the file cannot be read", key):
                chunk = self._fs.cat_file(self._path(key), start=start, end=min(start + _READ_BYTES, stop))
            if not chunk:
                raise StoreError(f"{key} ends at {start} bytes, before {stop}")
            start += len(chunk)
            yield chunk

    def names(self, folder: str) -> list[str]:
        """See ``Files.names``."""
        with _translate_errors("the folder cannot be read"), suppress(FileNotFoundError):
            return [str(path).rpartition("/")[2] for path in self._fs.ls(self._path(folder), detail=False)]
        return []

    def remove(self, key: str) -> None:
        """See ``Files.remove``."""
        with _translate_errors("the file cannot be removed"):
            found = self._fs.find(self._path(key))
            if found:
                self._fs.rm(found)
                left = self._fs.find(self._path(key))  # s3fs ignores refusals within a bulk removal
                if left:
                    raise StoreError(f"{len(left)} files of {key} could not be removed")

    def entries(self) -> Iterator[Entry]:
        """See ``Files.entries``."""
        with _translate_errors("the store cannot be scanned"):
            found: dict[str, dict[str, Any]] = self._fs.find(self._root, detail=True)
        for path, info in found.items():
            yield Entry(path.removeprefix(f"{self._root}/"), int(info["size"]), info["LastModified"].timestamp())

    def check_writable(self) -> None:
        """See ``Files.check_writable``."""
        with _translate_errors("nothing can be written"):
            self._fs.pipe_file(f"{self._base}/{_CHECK}", b"v2m")

    def free_bytes(self) -> None:
        """See ``Files.free_bytes``."""

    def close(self) -> None:
        """See ``Files.close``."""
        self._fs.close_session(self._fs.loop, self._fs.s3)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"


def _file_system(endpoint: str | None) -> S3FileSystem:
    """A new client without a listings cache, since other processes write to the same bucket."""
    config: dict[str, Any] = {
        "connect_timeout": 3,
        "read_timeout": 20,
        "retries": {"mode": "standard", "total_max_attempts": _REQUESTS},
    }
    if endpoint is not None:
        # Compatible services may not support virtual-hosted buckets or the newer checksums of Amazon.
        config |= {
            "s3": {"addressing_style": "path"},
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
    file_system = S3FileSystem(
        endpoint_url=endpoint,
        config_kwargs=config,
        default_block_size=_PART_BYTES,
        max_concurrency=_CONCURRENCY,
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    file_system.retries = _READ_ATTEMPTS
    return file_system


@contextmanager
def _translate_errors(what: str, key: str | None = None) -> Iterator[None]:
    """Turns the libraries' errors into a StoreError whose message begins with ``what``.

    MissingArtifactError when ``key`` is given and does not exist; StoreFullError when there is no room.
    """
    try:
        yield
    except _ERRORS as error:
        code, status = _error_code(error)
        if code in _FULL_CODES or status == _INSUFFICIENT_STORAGE:
            raise StoreFullError(f"{what}: {error}") from error
        if key is not None and isinstance(error, FileNotFoundError) and code != _NO_BUCKET:
            raise MissingArtifactError(f"{key} is not in the store") from error
        if isinstance(error, OSError):
            raise from_os_error(error, what) from error
        raise StoreError(f"{what}: {error}") from error


def _error_code(error: BaseException) -> tuple[str, int]:
    """Error code and HTTP status of the server's response; ("", 0) when there was none."""
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None) or {}
    code = response.get("Error", {}).get("Code", "")
    return str(code), int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
