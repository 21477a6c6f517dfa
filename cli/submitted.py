"""What `v2m submit` does once the job is made: waits for it, and fetches what it made."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from model_core.errors import InputError
from v2m_client import Client, ClientError, Job

DEFAULT_URL: Final = "http://127.0.0.1:8000"
_INTERRUPTED: Final = 130  # as a shell has it
Show = Callable[[str, float, float | None], None]
"""Called as (what goes on, how much of it is done, how much there is)."""


def ended(client: Client, job_id: str, show: Show) -> Job:
    """The job once it is completed; ends with status 1 when it will never be."""

    def on_change(job: Job) -> None:
        waiting = "queued" if job.queue_position is None else f"queued, {job.queue_position}."
        show(job.stage or (waiting if job.status == "queued" else job.status), job.progress, 1.0)

    job = client.wait(job_id, on_change)
    if job.status != "completed":
        typer.echo(f"v2m: the job {job.id} {_end(job)}", err=True)
        raise typer.Exit(1)
    return job


def _end(job: Job) -> str:
    if job.error is None:
        return "was canceled"
    field = "" if job.error.field is None else f"{job.error.field}: "
    return f"failed ({job.error.code}): {field}{one_line(job.error.detail)}"


def results(
    client: Client, job: Job, video: Path, variants: Sequence[str] | None, out: Path | None, show: Show
) -> list[Path]:
    """Fetches them, to ``out`` or beside the video, and tells where they are; InputError when one is not there."""
    wanted = variants or ["curve" if job.kind == "curve" else "video"]
    for variant in wanted:
        if variant not in job.content:
            there = "its files were removed" if job.expired_at else f"it has {', '.join(job.content)}"
            raise InputError("--variant", f"the job {job.id} has no {variant}; {there}", "unknown_variant")
    paths = []
    for variant in wanted:
        to = out or _beside(video, variant, PurePath(client.content(job.id, variant).name).suffix)
        try:
            client.download(job.id, variant, to=to, on_received=lambda now, total: show("download", now, total))
        except OSError as error:
            raise InputError("--out", f"{to} cannot be written: {error.strerror or error}", "unwritable") from error
        paths.append(to)
    return paths


def _beside(video: Path, variant: str, suffix: str) -> Path:
    """A file name beside the video that is not taken."""
    stem = f"{video.stem}-{'scored' if variant == 'video' else variant}"
    number = 1
    while (path := video.with_name(f"{stem}{'' if number == 1 else f'-{number}'}{suffix}")).exists():
        number += 1
    return path


@contextmanager
def not_lost(job_id: str, video: Path, url: str) -> Iterator[None]:
    """A job goes on, whoever stops to wait for it: says how to wait again."""
    elsewhere = "" if url == DEFAULT_URL else f" --url {shlex.quote(url)}"
    again = f"the job {job_id} goes on; wait again: v2m submit {shlex.quote(str(video))} --job {job_id}{elsewhere}"
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"v2m: {again}", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    except ClientError as error:
        if error.is_passing:
            typer.echo(f"v2m: {one_line(str(error))} {again}", err=True)
            raise typer.Exit(1) from error
        raise


def one_line(text: str) -> str:
    """The text without line breaks, and without what would steer a terminal."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


@contextmanager
def bar() -> Iterator[Show]:
    """A bar on stderr, where that is a terminal."""
    columns = TextColumn("{task.description:>10}"), BarColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
