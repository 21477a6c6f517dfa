"""`v2m doctor`: checks a deployment, and says what is wrong and what to do about it."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from pydantic import ValidationError
from redis import Redis

from cli.terminal import settings_at_fault
from jobs.infra.monitoring import configure_logs
from jobs.infra.settings import Settings

State = Literal["ok", "warn", "fail"]
_COLORS: Final = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}


@dataclass(frozen=True)
class Finding:
    """One line of the output.

    Attributes:
        state: ``fail`` when jobs cannot be done, or may be lost, until something is done about it.
        subject: what was checked.
        found: the result.
        advice: what to do about it; None for ``ok``.
    """

    state: State
    subject: str
    found: str
    advice: str | None = None


@dataclass(frozen=True)
class Deployment:
    """Deployment to check: the settings, and a Redis client without retries, or None when Redis does not answer."""

    settings: Settings
    redis: Redis | None


Check = Callable[[Deployment], Iterable[Finding]]
"""A check only looks: it starts and changes nothing."""


def ok(subject: str, found: str) -> Finding:
    """A finding that all is well."""
    return Finding("ok", subject, found)


def warn(subject: str, found: str, advice: str) -> Finding:
    """A finding of something that works, but needs attention."""
    return Finding("warn", subject, found, advice)


def fail(subject: str, found: str, advice: str) -> Finding:
    """A finding of something that does not work."""
    return Finding("fail", subject, found, advice)


def doctor(
    state: Annotated[Path | None, typer.Option(help="The state folder of `v2m up` (env V2M_STATE_DIR).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check this deployment, and say what is wrong and what to do about it. Nothing is started or changed.

    The settings come from the environment, as for the API and the workers. The exit status is 1 when a check fails.

    Example:

    v2m doctor --state /var/lib/v2m
    """
    configure_logs("text", "error")
    findings = []
    for finding in examine(state):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    raise typer.Exit(int(any(finding.state == "fail" for finding in findings)))


def examine(state: Path | None = None) -> Iterator[Finding]:
    """All findings; ``state`` is the state folder, by default the environment's."""
    # Imported here: they need RQ and more, which the other commands start faster without.
    from cli.doctor import machine, service

    try:
        settings = Settings() if state is None else Settings(state_dir=state)
    except ValidationError as error:
        for found in settings_at_fault(error):
            yield fail("settings", found, "correct it in the environment; nothing else was checked")
        return
    yield ok("settings", f"valid; the state folder is {settings.state_dir}")
    redis, finding = service.find_redis(settings)
    yield finding
    checks: dict[str, Check] = {
        "redis": service.check_redis,
        "store": machine.check_store,
        "workers": service.check_workers,
        "queue": service.check_queue,
        "api": service.check_api,
        "media": machine.check_media,
        "model": machine.check_model,
        "packages": machine.check_packages,
    }
    if redis is None:
        yield from run_checks(checks, Deployment(settings, None))
        return
    with closing(redis):
        yield from run_checks(checks, Deployment(settings, redis))


def run_checks(checks: dict[str, Check], deployment: Deployment) -> Iterator[Finding]:
    """The findings of the checks. A check that breaks is a finding itself, and hides no other."""
    for subject, check in checks.items():
        try:
            yield from check(deployment)
        except Exception as error:
            yield fail(subject, f"could not be checked: {type(error).__name__}: {error}", "check it by hand")


def _print(finding: Finding) -> None:
    state = typer.style(f"{finding.state:<6}", fg=_COLORS[finding.state], bold=finding.state == "fail")
    typer.echo(f"{state}{finding.subject:<10}{finding.found}")
    if finding.advice is not None:
        typer.echo(f"{'':16}-> {finding.advice}")
