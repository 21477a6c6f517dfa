"""A disk that is full, in the ways that need no root: what was accepted waits, what cannot be is refused."""

import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.chaos.ground import Ground
from tests.chaos.stack import Stack, short_folder

_FULL: Final = 507
_TMPFS_BYTES: Final = 2 << 20
_PADDING_BYTES: Final = 3 << 20


@contextmanager
def file_limit(process: int, size: int) -> Iterator[None]:
    """No file of a process grows beyond ``size`` bytes within the block."""
    soft, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        try:
            resource.prlimit(process, resource.RLIMIT_FSIZE, (soft, hard))
        except ProcessLookupError:
            raise AssertionError(f"process {process} died of a limit on its files") from None


def disks(ground: Ground) -> None:
    """One after the other."""
    for part in (_quota, worker_cannot_write, _worker_never_can, api_cannot_write, _full_file_system):
        ground.say(part.__name__.strip("_"))
        part(ground)


def _quota(ground: Ground) -> None:
    with short_folder() as folder:
        size = 20_000  # of the clip, about: two uploads fit, and so do two results
        with ground.stack("quota", folder=folder, store_max_bytes=int(2.9 * size)) as stack:
            stack.accepted("slow 3", about="fills the quota")
            stack.accepted(about="fills the quota")
            _refused(ground, stack, "over the quota")


def worker_cannot_write(ground: Ground) -> None:
    """The job waits, and is completed once the worker can write again."""
    with ground.stack("worker_cannot_write") as stack:
        with file_limit(stack.pid("worker"), 1000):
            job = stack.accepted("slow 0.2", about="its results cannot be written")
            stack.in_stage(job, "waiting")
            stack.until(lambda: stack.record(job).retries > 0, "the job to be put off")
        record = stack.ended(job)
        if record.crashes:
            ground.tally.add("lost", f"{job} paid with {record.crashes} crashes")


def _worker_never_can(ground: Ground) -> None:
    with ground.stack("worker_never_can", max_retries=2) as stack, file_limit(stack.pid("worker"), 1000):
        job = stack.accepted("slow 0.2", ends="failed:storage", attempts=(3,), about="never written")
        stack.ended(job)
        if not (stack.store / "jobs" / job.id / "upload").is_file():
            ground.tally.add("lost", f"the upload of {job} is gone")


def api_cannot_write(ground: Ground) -> None:
    """Uploads are refused with 507, small ones and those that go to a temporary file on their way, and then taken."""
    with ground.stack("api_cannot_write") as stack:
        large = _padded(stack.clip)
        with file_limit(stack.pid("API"), 5000):
            for clip in (stack.clip, large):
                _refused(ground, stack, f"of {clip.stat().st_size} bytes with nowhere to put it", clip)
        there = [path for path in (stack.store).rglob("*") if path.is_file()]
        for path in there:
            ground.tally.add("left_behind", f"{path} after a refusal")
        stack.accepted(about="after the limit")


def _full_file_system(ground: Ground) -> None:
    """The store on a small file system of its own, which is filled to the last byte."""
    with short_folder() as folder, _own_mount(ground, folder / "state" / "store") as inside:
        if not inside:
            return
        with ground.stack("full_file_system", folder=folder, inside=inside, min_free_bytes=0) as stack:
            stack.order("writing", "wait")
            job = stack.accepted("slow 0.1", about="a full file system")
            stack.reached("writing")
            filler = stack.store / "filler"
            _fill(filler)
            stack.go("writing")
            stack.in_stage(job, "waiting")
            _refused(ground, stack, "to a full file system")
            filler.unlink()
            stack.ended(job)
            stack.accepted(about="after the full file system")


def _refused(ground: Ground, stack: Stack, what: str, clip: Path | None = None) -> None:
    before = dict(stack.answers)
    stack.upload(about=f"must be refused: {what}", clip=clip)
    changed = {status: count for status, count in stack.answers.items() if count != before.get(status, 0)}
    if set(changed) != {_FULL}:
        ground.tally.add("lost", f"an upload {what} was answered by {changed} instead of {_FULL}")


def _padded(clip: Path) -> Path:
    """The clip with an empty box of the container at its end."""
    path = clip.with_name("padded.mp4")
    box = (8 + _PADDING_BYTES).to_bytes(4, "big") + b"free" + bytes(_PADDING_BYTES)
    path.write_bytes(clip.read_bytes() + box)
    return path


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


@contextmanager
def _own_mount(ground: Ground, folder: Path) -> Iterator[list[str]]:
    """A small file system at ``folder``, for commands that are run by the command yielded; [] where that is refused."""
    folder.mkdir(parents=True)
    mount = f"mount -t tmpfs -o size={_TMPFS_BYTES} tmpfs {folder} && echo mounted && exec sleep 3600"
    holder = subprocess.Popen(["unshare", "-Urm", "sh", "-c", mount], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert holder.stdout is not None
    try:
        if holder.stdout.readline() != b"mounted\n":
            ground.tally.skipped.append("a full file system: mounting one is not allowed here")
            yield []
            return
        yield ["nsenter", "-t", str(holder.pid), "-U", "-m", "--preserve-credentials", f"--wd={os.getcwd()}", "--"]
    finally:
        os.kill(holder.pid, signal.SIGKILL) if holder.poll() is None else None
        holder.wait()
        holder.stdout.close()
