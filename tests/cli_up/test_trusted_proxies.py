"""X-Forwarded-For and X-Forwarded-Proto count from the proxies of V2M_TRUSTED_PROXIES, and from nobody else."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from pydantic import ValidationError

from cli.serve import listen, url_of
from jobs.infra.settings import Settings
from tests.conftest import MakeSettings
from tests.processes import ROOT, environment, until

NOWHERE = "/nowhere"
Start = Callable[[Settings], str]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts `v2m api` and returns its address."""
    with ExitStack() as ending:

        def run(settings: Settings) -> str:
            listener = ending.enter_context(listen("127.0.0.1", 0))
            command = [sys.executable, "-m", "cli.main", "api", "--fd", str(listener.fileno())]
            # What uvicorn would believe by itself.
            env = {**environment(settings), "FORWARDED_ALLOW_IPS": "*"}
            process = subprocess.Popen(command, cwd=ROOT, env=env, pass_fds=[listener.fileno()])
            ending.callback(process.wait)
            ending.callback(process.terminate)
            until(lambda: httpx.get(f"{url_of(listener)}/healthz", timeout=60).is_success, "the API to start")
            return url_of(listener)

        yield run


def ask(url: str, forwarded: str, own: str = "127.0.0.1") -> int:
    """The status of a request from the address ``own`` that claims to be passed on for ``forwarded``."""
    with httpx.Client(transport=httpx.HTTPTransport(local_address=own), timeout=60) as client:
        return client.get(url + NOWHERE, headers={"X-Forwarded-For": forwarded}).status_code


def test_a_rotating_header_does_not_evade_the_limit(start: Start, make_settings: MakeSettings) -> None:
    url = start(make_settings(rate_limit="2/hour"))
    assert [ask(url, f"203.0.113.{number}") for number in range(4)] == [404, 404, 429, 429]


def test_behind_a_trusted_proxy_the_client_is_counted(start: Start, make_settings: MakeSettings) -> None:
    url = start(make_settings(rate_limit="2/hour", trusted_proxies="127.0.0.2, 10.9.0.0/16"))
    of_one = [ask(url, "203.0.113.1", "127.0.0.2") for _ in range(3)]
    assert of_one == [404, 404, 429]
    assert ask(url, "203.0.113.2", "127.0.0.2") == 404
    # The client wrote the first address itself; the second one is what a proxy saw, and the last one a proxy.
    assert ask(url, "203.0.113.9, 203.0.113.1, 10.9.0.7", "127.0.0.2") == 429
    assert [ask(url, f"198.51.100.{number}", "127.0.0.3") for number in range(3)] == [404, 404, 429], "not trusted"


@pytest.mark.parametrize("text", ["*", "proxy.example.com", "10.0.0.1/8", "10.0.0.1,", "10.0.0.0/33"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="V2M_TRUSTED_PROXIES: entry"):
        Settings(trusted_proxies=text)


def test_addresses_and_networks_of_both_kinds() -> None:
    text = "127.0.0.1, 172.30.98.0/24,::1,fd00::/8"
    assert Settings(trusted_proxies=text).trusted_proxies == text
