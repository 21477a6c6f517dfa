"""What is there when all jobs are over: exactly the accepted uploads and the completed results, and nothing else."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx

from tests.fuzz.canary import Watch
from tests.fuzz.service import Service
from tests.fuzz.trial import Fault, Outcome
from tests.processes import ROOT, descendants, until

GROWTH_BYTES: Final = 96 << 20
"""More than this may the API's memory not grow by, however many files it saw."""
_FAULTS_IN_LOG: Final = ("error", "critical")


def faults_of_end(service: Service, outcomes: list[Outcome], watch: Watch, resident_bytes: int) -> list[Fault]:
    """Looks at everything while the service still runs; ``resident_bytes``: the API's memory at the start."""
    accepted = {outcome.job_id: outcome for outcome in outcomes if outcome.job_id is not None}
    faults = [*_processes(service), *faults_of_store(service.store / "jobs", accepted), *_records(service, accepted)]
    faults += [Fault("left behind", f"a file in the making: {path}") for path in _strays(service)]
    faults += [Fault("crashed", text) for path in service.logs for text in _said(path)]
    if times := watch.opened():
        faults.append(Fault("crashed", f"a file that uploads only name was opened {times} times"))
    if (grown := service.resident_bytes() - resident_bytes) > GROWTH_BYTES:
        faults.append(Fault("left behind", f"{grown >> 20} MiB of the API's memory"))
    return faults


def faults_of_stop(service: Service) -> list[Fault]:
    """Stops the service: every process ends with status 0."""
    return [
        Fault("crashed", f"the {name} ended with status {status}") for name, status in service.stop().items() if status
    ]


def _processes(service: Service) -> Iterator[Fault]:
    for name, process in service.processes.items():
        if process.poll() is not None:
            yield Fault("crashed", f"the {name} ended with status {process.returncode}")

    def children() -> list[int]:
        return [pid for process in service.processes.values() for pid in descendants(process.pid)]

    try:
        until(lambda: not children(), "the sandboxes to be gone")
    except AssertionError:
        yield from (Fault("left behind", f"the sandbox process {pid}") for pid in children())


def faults_of_store(jobs: Path, accepted: dict[str, Outcome]) -> Iterator[Fault]:
    """The folder ``jobs`` of the store against the accepted jobs by id."""
    stored = {path.name: path for path in jobs.iterdir()} if jobs.is_dir() else {}
    for job_id, path in stored.items():
        if job_id not in accepted:
            yield Fault("left behind", f"in the store: {path}")
    for job_id, outcome in accepted.items():
        name = f"{outcome.case.name}, job {job_id}"
        files = [path for path in (jobs / job_id).rglob("*") if path.is_file()]
        attempts = {path.parent.name for path in files if path.parent.parent.name == "results"}
        strange = [path for path in files if path.parent.name not in attempts and path != jobs / job_id / "upload"]
        if jobs / job_id / "upload" not in files:
            yield Fault("lost", f"{name}: the upload is not in the store")
        if outcome.end == "completed" and not attempts:
            yield Fault("lost", f"{name}: completed, and no result is in the store")
        if outcome.end != "completed" and attempts:
            yield Fault("left behind", f"{name}: {outcome.end}, and there is a result in the store")
        if len(attempts) > 1:
            yield Fault("doubled", f"{name}: results of the attempts {sorted(attempts)}")
        yield from (Fault("left behind", f"{name}: {path}") for path in strange)


def _records(service: Service, accepted: dict[str, Outcome]) -> Iterator[Fault]:
    """No job's end changes after it was told."""
    with httpx.Client(base_url=service.url, timeout=60) as client:
        for job_id, outcome in accepted.items():
            response = client.get(f"/v1/jobs/{job_id}")
            if response.status_code != 200:
                yield Fault("lost", f"{outcome.case.name}, job {job_id}: status {response.status_code} at the end")
            elif outcome.end != "none" and response.json()["status"] != outcome.end:
                yield Fault("doubled", f"{outcome.case.name}, job {job_id}: {outcome.end}, then {response.json()}")


def _strays(service: Service) -> Iterator[Path]:
    for folder in (service.store / "scratch", service.temporary):
        yield from (path for path in folder.rglob("*") if not path.is_dir())
    known = {service.store, service.store / "jobs", service.store / "scratch"}
    yield from (path for path in (*service.settings.state_dir.iterdir(), *service.store.iterdir()) if path not in known)
    began = service.folder.stat().st_ctime
    for folder in (ROOT, Path("/"), service.folder):
        yield from (path for path in _cores(folder.iterdir()) if path.stat().st_mtime >= began)


def _cores(paths: Iterable[Path]) -> Iterator[Path]:
    yield from (path for path in paths if re.fullmatch(r"core(\.\d+)?", path.name) and path.is_file())


def _said(path: Path) -> Iterator[str]:
    """Faults of ours that a log tells of, and lines that are no log at all, such as a traceback of the interpreter."""
    for line in path.read_text(errors="replace").splitlines():
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError:
            yield f"{path.name}: {line[:300]}"
            continue
        if event.get("level") in _FAULTS_IN_LOG:
            yield f"{path.name}: {line[:2000]}"
        elif event.get("event") == "job_started" and event.get("attempt") != 1:
            yield f"{path.name}: a job was begun again: {line[:300]}"
