"""`v2m submit`: has a service write music for a video, as any program can by docs/api.md."""

import json
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Annotated, Any, Final

import typer

from cli.files import check_outputs, check_video, named_after, new_file
from cli.terminal import INTERRUPTED, LABELS, OutputError, Show, bar, fail, user_errors
from jobs.record import is_job_id
from model_core.errors import InputError
from model_core.results import Variant
from v2m_client import ApiError, Client, ClientError, Job

DEFAULT_URL: Final = "http://127.0.0.1:8000"
KEY_VARIABLE: Final = "V2M_API_KEY"
_MOST_NAMES: Final = 100_000


def submit(
    video: Annotated[Path, typer.Argument(metavar="CLIP", help="The video to write music for.")],
    prompt: Annotated[
        str, typer.Option(help="What the music should be. Empty: it follows the video alone.", show_default=False)
    ] = "",
    seed: Annotated[int | None, typer.Option(help="Random seed. The same seed gives the same music.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Another option of the API. May be repeated.")
    ] = None,
    url: Annotated[str, typer.Option(envvar="V2M_URL", help="Address of the service.")] = DEFAULT_URL,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Where to save the result. Default: beside CLIP, under a name that is not in use."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --out if it exists.")] = False,
    variant: Annotated[
        list[Variant] | None,
        typer.Option(help="Which result to download. May be repeated. Default: video, or curve with --curve."),
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Print the job's id and do not wait for it.")] = False,
    curve: Annotated[bool, typer.Option("--curve", help="Only compute the event curve of the video.")] = False,
    job: Annotated[str | None, typer.Option(help="Wait for this earlier job of CLIP and download its result.")] = None,
) -> None:
    """Upload CLIP to a running service, wait, and download the result.

    If the service has API keys, set V2M_API_KEY to yours.

    Examples:

    v2m submit holiday.mp4 --prompt "calm piano and strings"

    v2m submit holiday.mp4 --url https://music.example.com --variant video --variant midi
    """
    with user_errors():
        options = _options(seed, option or [])
        if curve and (prompt or options or variant):
            raise InputError("--curve", "cannot be combined with a prompt, options or --variant: it has no prompt")
        if job is None:
            check_video(video)
        elif not is_job_id(job):
            raise InputError("--job", f"{job[:80]!r} is not the id of a job")
        if out is not None and len(variant or []) > 1:
            raise InputError("--out", "names one file. Leave it out to save several results beside the video.")
        planned = named_after(video, "-scored") if out is None else out
        # Without --out a name is found that is not in use: nothing is overwritten.
        check_outputs({"--out": planned}, video, force=force or out is None)
        with _client(url) as client, _api_errors():
            if job is None:
                with bar("Uploading") as show:
                    job = _create(client, video, prompt, options, curve, show).id
            if no_wait:
                typer.echo(job)
                return
            with _job_goes_on(job, video, url), bar("Waiting") as show:
                done = _wait(client, job, show)
                paths = _save(client, done, video, variant, out, show)
    for path in paths:
        typer.echo(path)


def _create(client: Client, video: Path, prompt: str, options: dict[str, Any], curve: bool, show: Show) -> Job:
    def on_sent(sent: int, total: int | None) -> None:
        show("Uploading", sent, total)

    if curve:
        return client.submit_curve(video, on_sent=on_sent)
    return client.submit(video, prompt, options, on_sent=on_sent)


def _options(seed: int | None, texts: list[str]) -> dict[str, Any]:
    """The options of the API. A value that is not JSON is taken as text."""
    options: dict[str, Any] = {} if seed is None else {"seed": seed}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError("--option", f"{text!r} is not of the form NAME=VALUE")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


def _client(url: str) -> Client:
    try:
        return Client(url, os.environ.get(KEY_VARIABLE) or None)
    except ValueError as error:
        name, _, detail = str(error).partition(": ")
        raise InputError(KEY_VARIABLE if name == "key" else "--url", detail) from error


def _wait(client: Client, job_id: str, show: Show) -> Job:
    """The completed job; ends the command with status 1 when the job failed or was canceled."""

    def on_change(job: Job) -> None:
        show(_label(job), job.progress, 1.0)

    job = client.wait(job_id, on_change)
    if job.status == "completed":
        return job
    if job.error is None:
        fail(f"the job {job.id} was canceled", 1)
    field = "" if job.error.field is None else f"{job.error.field}: "
    fail(f"the job {job.id} failed ({job.error.code}): {field}{one_line(job.error.detail)}", 1)


def _label(job: Job) -> str:
    if job.stage:
        return LABELS.get(job.stage, job.stage)
    if job.status == "queued":
        return "Waiting" if job.queue_position is None else f"Waiting, place {job.queue_position}"
    return LABELS["probe"]


def _save(
    client: Client, job: Job, video: Path, variants: Sequence[str] | None, out: Path | None, show: Show
) -> list[Path]:
    """Download the results to ``out`` or beside the video; the paths of the files.

    Raises:
        InputError: the job does not have one of the variants.
        OutputError: a file cannot be written.
    """
    wanted = variants or ["curve" if job.kind == "curve" else "video"]
    for variant in wanted:
        if variant not in job.content:
            there = "its files were removed" if job.expired_at else f"it has {', '.join(job.content)}"
            raise InputError("--variant", f"the job {job.id} has no {variant}; {there}", "unknown_variant")
    paths = []
    for variant in wanted:
        to = out or _beside(video, variant, PurePath(client.content(job.id, variant).name).suffix)
        with new_file(to) as file:
            client.download(job.id, variant, to=file, on_received=lambda now, total: show("Downloading", now, total))
        paths.append(to)
    return paths


def _beside(video: Path, variant: str, suffix: str) -> Path:
    """A file name beside the video that is not in use; says so when the video's name is too long for it."""
    ending = "-scored" if variant == "video" else f"-{variant}"
    numbers = ("", *(f"-{number}" for number in range(2, _MOST_NAMES)))
    path = next(path for number in numbers if not (path := named_after(video, f"{ending}{number}{suffix}")).exists())
    if not path.name.startswith(video.stem):
        typer.echo(f"v2m: the file name would be too long. It is shortened to {path.name}", err=True)
    return path


@contextmanager
def _job_goes_on(job_id: str, video: Path, url: str) -> Iterator[None]:
    """Print how to get the result when waiting or saving ends early: the job does not depend on this command."""
    elsewhere = "" if url == DEFAULT_URL else f" --url {shlex.quote(url)}"
    command = f"v2m submit {shlex.quote(str(video))} --job {job_id}{elsewhere}"
    again = f"The job {job_id} goes on. To wait for it again: {command}"
    try:
        yield
    except KeyboardInterrupt:
        fail(again, INTERRUPTED)
    except OutputError as error:
        fail(f"{error}. The job {job_id} is completed. To download its result: {command} --out FILE", 1)
    except ClientError as error:
        if error.is_passing:
            fail(f"{one_line(str(error))} {again}", 1)
        raise


@contextmanager
def _api_errors() -> Iterator[None]:
    """One line for an error of the API: status 2 for what the user can correct, 1 for the rest."""
    try:
        yield
    except ClientError as error:
        correctable = isinstance(error, ApiError) and 400 <= error.status < 500 and not error.is_passing
        fail(one_line(str(error)), 2 if correctable else 1)


def one_line(text: str) -> str:
    """The text without line breaks and without control characters, which would steer a terminal."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
