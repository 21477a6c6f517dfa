"""All checks, one after the other."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from cli.doctor import api, media, model, packages, queue, redis_state, store, workers
from cli.doctor.finding import Check, Deployment, Finding, fail, ok
from cli.errors import settings_at_fault
from jobs.infra.settings import Settings

_CHECKS: Final[dict[str, Check]] = {
    "redis": redis_state.check,
    "store": store.check,
    "workers": workers.check,
    "queue": queue.check,
    "api": api.check,
    "media": media.check,
    "model": model.check,
    "packages": packages.check,
}


def examine(state: Path | None = None) -> Iterator[Finding]:
    """All findings; ``state`` is the state folder, by default the environment's."""
    try:
        settings = Settings() if state is None else Settings(state_dir=state)
    except ValidationError as error:
        for found in settings_at_fault(error):
            yield fail("settings", found, "correct it in the environment; nothing else was looked at")
        return
    yield ok("settings", f"can be read; the state folder is {settings.state_dir}")
    redis, finding = redis_state.find(settings)
    yield finding
    if redis is None:
        yield from run(_CHECKS, Deployment(settings, None))
        return
    with closing(redis):
        yield from run(_CHECKS, Deployment(settings, redis))


def run(checks: dict[str, Check], deployment: Deployment) -> Iterator[Finding]:
    """What the checks find; one that breaks is a finding itself, under its subject."""
    for subject, check in checks.items():
        try:
            yield from check(deployment)
        except Exception as error:  # whatever is wrong with one thing must not hide the others
            yield fail(subject, f"could not be looked at: {type(error).__name__}: {error}", "look at it by hand")
