"""`v2m submit`: as `v2m score`, but made by a service. It talks to it as any program would, by docs/api.md."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.errors import user_errors
from cli.files import check_target, check_video
from cli.submitted import DEFAULT_URL, Show, bar, ended, not_lost, one_line, results
from jobs.record import is_job_id
from model_core.errors import InputError
from model_core.results import Variant
from v2m_client import ApiError, Client, ClientError, Job

KEY_VARIABLE: Final = "V2M_API_KEY"


def submit(
    video: Annotated[Path, typer.Argument(metavar="CLIP", help="Video to score.")],
    prompt: Annotated[str, typer.Option(help="What the music should be; empty lets the video decide.")] = "",
    seed: Annotated[int | None, typer.Option(help="Another seed, another score.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Another option of the API; may be repeated.")
    ] = None,
    url: Annotated[str, typer.Option(envvar="V2M_URL", help="Address of the service.")] = DEFAULT_URL,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Where the result goes; beside CLIP, by a new name, if not given."),
    ] = None,
    variant: Annotated[
        list[Variant] | None, typer.Option(help="What to fetch; may be repeated. video, or curve, if not given.")
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Print the job's id, and do not wait for it.")] = False,
    curve: Annotated[bool, typer.Option("--curve", help="Ask for the event curve alone.")] = False,
    job: Annotated[str | None, typer.Option(help="Wait for this job, made of CLIP earlier, and fetch it.")] = None,
) -> None:
    """Have CLIP scored by a service and fetch the result. The key, where it wants one, is V2M_API_KEY."""
    with user_errors():
        options = _options(seed, option or [])
        if curve and (prompt or options or variant):
            raise InputError("--curve", "takes no prompt, no options and no variant")
        if job is None:
            check_video(video)
        elif not is_job_id(job):
            raise InputError("--job", f"{job[:80]!r} is no id of a job")
        if out is not None and len(variant or []) > 1:
            raise InputError("--out", "names one file; leave it out to get several results beside the video")
        check_target("--out", out or video.with_name(f"{video.stem}-scored"), video)
        with _client(url) as client, _api_errors():
            if job is None:
                with bar() as show:
                    made = _submit(client, video, prompt, options, curve, show)
                job = made.id
            if no_wait:
                typer.echo(job)
                return
            with not_lost(job, video, url), bar() as show:
                paths = results(client, ended(client, job, show), video, variant, out, show)
    for path in paths:
        typer.echo(path)


def _submit(client: Client, video: Path, prompt: str, options: dict[str, Any], curve: bool, show: Show) -> Job:
    def on_sent(sent: int, total: int | None) -> None:
        show("upload", sent, total)

    if curve:
        return client.submit_curve(video, on_sent=on_sent)
    return client.submit(video, prompt, options, on_sent=on_sent)


def _options(seed: int | None, texts: list[str]) -> dict[str, Any]:
    """The options of the API; a value that is no JSON is a text."""
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


@contextmanager
def _api_errors() -> Iterator[None]:
    """One line; 2 for what the person can put right, 1 for the rest."""
    try:
        yield
    except ClientError as error:
        typer.echo(f"v2m: {one_line(str(error))}", err=True)
        theirs = isinstance(error, ApiError) and 400 <= error.status < 500 and not error.is_passing
        raise typer.Exit(2 if theirs else 1) from error
