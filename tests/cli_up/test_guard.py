"""Without keys nobody but this machine is served; with keys they reach the API, and the doctor still finds all well."""

import socket
import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest

from cli.doctor import Deployment
from cli.doctor.service import check_api
from cli.serve import UnguardedError, check_local, listen
from tests.cli_up.conftest import Up
from tests.conftest import MakeSettings
from tests.processes import ROOT, environment
from tests.service.keyring import ALICE, ENTRIES, bearer


@pytest.mark.parametrize("command", ["up", "api"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_without_keys_no_other_address_is_served(make_settings: MakeSettings, command: str, host: str) -> None:
    asked = [sys.executable, "-m", "cli.main", command, "--host", host, "--port", "0"]
    done = subprocess.run(
        asked, cwd=ROOT, env=environment(make_settings(redis_url=None)), capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "V2M_API_KEYS" in done.stderr
    assert "`v2m key NAME`" in done.stderr


def test_a_socket_of_somebody_elses_is_looked_at_too(make_settings: MakeSettings) -> None:
    with listen("0.0.0.0", 0) as open_to_all:
        asked = [sys.executable, "-m", "cli.main", "api", "--fd", str(open_to_all.fileno())]
        done = subprocess.run(
            asked, cwd=ROOT, env=environment(make_settings()), pass_fds=(open_to_all.fileno(),), capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "V2M_API_KEYS" in done.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_loopback_by_any_name_is_served(host: str) -> None:
    with listen(host, 0, local_only=True) as listener:
        check_local(listener)


def test_what_is_refused_is_closed() -> None:
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        port = probe.getsockname()[1]
    with pytest.raises(UnguardedError, match=r"0\.0\.0\.0"):
        listen("0.0.0.0", port, local_only=True)
    listen("127.0.0.1", port).close()


def test_keys_reach_the_api_of_up(start_up: Callable[..., Up], make_settings: MakeSettings) -> None:
    settings = make_settings(redis_url=None, port=0, host="0.0.0.0", api_keys=ENTRIES)
    up = start_up(settings)
    assert up.line(r"try: curl (.*)")[1].startswith('-H "Authorization: Bearer $V2M_API_KEY" -F video=')
    assert httpx.get(f"{up.url}/nowhere", timeout=60).status_code == 401
    assert httpx.get(f"{up.url}/nowhere", headers=bearer(ALICE), timeout=60).status_code == 404
    port = int(up.url.rpartition(":")[2])
    found = [*check_api(Deployment(settings.model_copy(update={"port": port}), None))]
    assert [finding.state for finding in found] == ["ok", "ok"]
