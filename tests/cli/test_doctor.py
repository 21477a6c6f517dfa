"""`v2m doctor` as a command."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from cli.doctor import Deployment, examine, ok, run_checks
from jobs.infra.processes import record_heartbeat
from jobs.infra.settings import Settings
from tests.conftest import MakeSettings
from tests.processes import ROOT, environment


def doctor(settings: Settings, *options: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", "doctor", *options],
        cwd=ROOT, env=environment(settings) | changes, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_without_redis_it_still_says_all_it_can(make_settings: MakeSettings, tmp_path: Path) -> None:
    done = doctor(make_settings(redis_url=f"unix://{tmp_path}/nobody.sock"))
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["ok", "settings"]
    assert [line.split()[1] for line in lines if line.startswith("fail")] == ["redis"]
    assert lines[lines.index(next(line for line in lines if line.startswith("fail"))) + 1].strip().startswith("-> ")
    assert {"store", "api", "media", "model", "packages"} <= {line.split()[1] for line in lines}
    assert not (tmp_path / "state").exists(), "nothing is made"


def test_as_json_it_is_a_list_of_findings(make_settings: MakeSettings, redis: Redis) -> None:
    settings = make_settings(heartbeat_s=60)  # one beat outlives the start of the command, however long that takes
    record_heartbeat(redis, "somebody")
    redis.config_set("appendonly", "yes")
    try:
        done = doctor(settings, "--json")
    finally:
        redis.config_set("appendonly", "no")
    findings = json.loads(done.stdout)
    assert all(set(finding) == {"state", "subject", "found", "advice"} for finding in findings)
    assert [finding for finding in findings if finding["state"] == "fail"] == []
    assert done.returncode == 0
    assert all((finding["advice"] is None) == (finding["state"] == "ok") for finding in findings)
    assert {"redis", "workers", "queue"} <= {finding["subject"] for finding in findings}


def test_settings_that_cannot_be_read_are_all_that_is_said(settings: Settings) -> None:
    done = doctor(settings, V2M_PORT="many", REDIS_URL="http://127.0.0.1")
    assert done.returncode == 1
    lines = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert [line.split()[:3] for line in lines] == [
        ["fail", "settings", "REDIS_URL:"],
        ["fail", "settings", "V2M_PORT"],
    ]


def test_the_state_folder_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    settings, redis, *_ = examine(tmp_path)
    assert settings.found.endswith(str(tmp_path))
    assert redis.subject == "redis"


def test_a_check_that_breaks_hides_no_other(settings: Settings) -> None:
    def breaks(_deployment: Deployment) -> list[object]:
        raise KeyError("unforeseen")

    def works(_deployment: Deployment) -> list[object]:
        return [ok("second", "well")]

    first, second = run_checks({"first": breaks, "second": works}, Deployment(settings, None))  # type: ignore[dict-item]
    assert (first.state, first.subject) == ("fail", "first")
    assert "KeyError" in first.found
    assert second == ok("second", "well")
