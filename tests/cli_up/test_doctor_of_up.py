"""The doctor beside a `v2m up` that runs, and after it was stopped."""

import json
import signal
import subprocess
import sys
from typing import Any

from jobs.infra.settings import Settings
from tests.cli_up.test_up import StartUp
from tests.processes import ROOT, environment


def doctor(settings: Settings, port: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Exit status, and findings by subject."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "doctor", "--json", "--state", str(settings.state_dir)],
        cwd=ROOT, env=environment(settings) | {"V2M_PORT": port}, stdout=subprocess.PIPE, timeout=120, check=False,
    )  # fmt: skip
    subjects: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(done.stdout):
        subjects.setdefault(finding["subject"], []).append(finding)
    return done.returncode, subjects


def test_it_finds_all_of_it(start_up: StartUp, own_redis: Settings) -> None:
    up = start_up(own_redis)
    port = up.url.rpartition(":")[2]
    status, found = doctor(own_redis, port)
    assert [finding for of in found.values() for finding in of if finding["state"] == "fail"] == []
    assert status == 0
    assert found["redis"][0]["found"].endswith("/redis/redis.sock answers")
    assert found["workers"][0]["found"].startswith("1 live: 1 on this machine")
    assert found["api"][-1]["found"] == "is ready; live workers: 1"

    up.end(signal.SIGTERM)
    status, found = doctor(own_redis, port)
    assert status == 1
    assert found["redis"][0]["state"] == "fail"
    assert found["api"][0]["state"] == "warn"
    assert "workers" not in found
