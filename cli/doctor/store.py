"""Whether the artifact store takes files, and how much room it has."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from cli.doctor.finding import Deployment, Finding, fail, ok, warn
from jobs.infra.process_identity import new_name
from jobs.infra.settings import Settings
from jobs.store import ArtifactStore, StoreError

_SUBJECT: Final = "store"
_LOCAL: Final = "file://"
_FULL: Final = 0.9  # of the quota


def check(deployment: Deployment) -> Iterator[Finding]:
    """Access, free space and quota. Nothing is written, so for a bucket the right to write is not tried."""
    settings = deployment.settings
    url = settings.store_url
    if url.startswith(_LOCAL):
        reason = _unusable(Path(url.removeprefix(_LOCAL)))
        if reason is not None:
            yield reason
            return
    try:
        # What opening the store makes must not be made here: what is left is the scratch folder beside a bucket.
        with tempfile.TemporaryDirectory(prefix="v2m-") as away:
            elsewhere = {"state_dir": Path(away), "store": url}
            store = ArtifactStore.open(settings.model_copy(update=elsewhere), new_name())
            try:
                used, free = store.used_bytes(), store.free_bytes()
            finally:
                store.close()
    except StoreError as error:
        yield fail(_SUBJECT, f"{url}: {error}", "check V2M_STORE, V2M_S3_ENDPOINT and the AWS_* variables")
        return
    yield ok(_SUBJECT, f"{url} can be {'used' if free is not None else 'read'}")
    yield from _room(settings, used, free)


def _unusable(root: Path) -> Finding | None:
    # os.access asks the kernel, which also knows of file systems that are mounted read-only
    for folder in (root, root / "jobs", root / "scratch"):
        if folder.is_dir() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            advice = "give this user the right to write there, or set V2M_STORE or V2M_STATE_DIR"
            return fail(_SUBJECT, f"{folder} cannot be written to", advice)
    if not (root / "jobs").is_dir() or not (root / "scratch").is_dir():
        return warn(_SUBJECT, f"{root} is not there yet", "nothing, if nothing was ever started here: the API makes it")
    return None


def _room(settings: Settings, used: int, free: int | None) -> Iterable[Finding]:
    if free is not None:
        found = f"{_size(free)} free on its disk"
        if free < settings.min_free_bytes:
            least = _size(settings.min_free_bytes)
            yield fail(_SUBJECT, f"{found}, and {least} must stay free: uploads are refused", "make room on the disk")
        elif free < settings.min_free_bytes + settings.max_upload_bytes:
            yield warn(_SUBJECT, f"{found}: too little for the largest upload", "make room, or set V2M_STORE_MAX_BYTES")
        else:
            yield ok(_SUBJECT, found)
    quota = settings.store_max_bytes
    if quota is None:
        yield ok(_SUBJECT, f"{_size(used)} in use, no quota")
    elif used > _FULL * quota:
        found = f"{_size(used)} in use, {used / quota:.0%} of the quota: results go before their time"
        yield warn(_SUBJECT, found, "raise V2M_STORE_MAX_BYTES, or lower V2M_RETENTION_S")
    else:
        yield ok(_SUBJECT, f"{_size(used)} in use, {used / quota:.0%} of the quota")


def _size(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
