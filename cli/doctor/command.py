"""`v2m doctor`: what is wrong with this deployment, and what to do about it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from jobs.infra import logs

if TYPE_CHECKING:
    from cli.doctor.finding import Finding

_COLOURS: Final = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}


def doctor(
    state: Annotated[Path | None, typer.Option(help="The folder that `v2m up` works in (env V2M_STATE_DIR).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Say what is wrong with this deployment and what to do about it; starts and changes nothing.

    It takes the settings that the API and the workers take, from the environment. Exit status 1 when anything fails.
    """
    from cli.doctor.examination import examine  # RQ and the rest, which the other commands can do without

    logs.configure("text", "error")
    findings = []
    for finding in examine(state):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    raise typer.Exit(int(any(finding.state == "fail" for finding in findings)))


def _print(finding: "Finding") -> None:
    state = typer.style(f"{finding.state:<6}", fg=_COLOURS[finding.state], bold=finding.state == "fail")
    typer.echo(f"{state}{finding.subject:<10}{finding.found}")
    if finding.advice is not None:
        typer.echo(f"{'':16}-> {finding.advice}")
