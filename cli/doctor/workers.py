"""Who works: which workers have shown themselves, where they run, and which have fallen silent."""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Final

from cli.doctor.finding import Deployment, Finding, fail, ok, warn
from jobs.infra.liveness import heartbeat_ages
from jobs.infra.process_identity import is_gone, machine, process_of

_SUBJECT: Final = "workers"


def check(deployment: Deployment) -> Iterator[Finding]:
    """One line for all that live, and one for each that does not and has not been forgotten yet."""
    if deployment.redis is None:
        return
    settings = deployment.settings
    all_silences = heartbeat_ages(deployment.redis)
    live = {name: silence for name, silence in all_silences.items() if silence < settings.heartbeat_ttl_s}
    if live:
        machines = Counter(name.partition("-")[0] for name in live)
        where = ", ".join(f"{count} on {_machine(name)}" for name, count in sorted(machines.items()))
        yield ok(_SUBJECT, f"{len(live)} live: {where}; last beats up to {max(live.values()):.1f} s ago")
    else:
        advice = "start `v2m worker`; one that has just started loads its model first"
        yield fail(_SUBJECT, "none is live: jobs only wait", advice)
    for name, silence in all_silences.items():
        if is_gone(name, own_name=""):
            yield warn(
                _SUBJECT,
                f"{name} has died here, {silence:.0f} s after its last beat",
                "see its log; its job is taken up",
            )
        elif name not in live:
            advice = "stop it and start it again, should it still run" if process_of(name) else "look at its machine"
            yield warn(_SUBJECT, f"{name} has been silent for {silence:.0f} s", advice)


def _machine(name: str) -> str:
    return f"this machine ({os.uname().nodename})" if name == machine() else f"machine {name}"
