"""Streams of events are few enough for everybody else to be served."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil

from cli.serve import listen, url_of
from jobs.infra.settings import Settings
from service.events import STREAMS_PER_JOB
from tests.processes import ROOT, environment, until
from tests.service.conftest import assert_problem, create

SOFT, HARD = 60, 100


def path_of(job_id: str) -> str:
    return f"/v1/jobs/{job_id}/events"


def unlimited(url: str | httpx.URL) -> httpx.Client:
    """A client that may have any number of connections."""
    return httpx.Client(base_url=url, timeout=60, limits=httpx.Limits(max_connections=None))


def opened(client: httpx.Client, job_id: str, streams: ExitStack, count: int) -> None:
    """So many streams of a job, which last as long as ``streams``."""
    for _ in range(count):
        assert streams.enter_context(client.stream("GET", path_of(job_id))).status_code == 200


def is_let_in(client: httpx.Client, job_id: str) -> bool:
    """Whether there is room for one more."""
    with client.stream("GET", path_of(job_id)) as stream:
        return stream.status_code == 200


def test_a_job_has_so_many_streams_and_no_more(client: httpx.Client, clip: Path) -> None:
    job_id, other = create(client, clip)["id"], create(client, clip)["id"]
    with unlimited(client.base_url) as many:
        with ExitStack() as streams:
            opened(many, job_id, streams, STREAMS_PER_JOB)
            answer = client.get(path_of(job_id))
            assert assert_problem(answer, 429, "too_many_streams")["limit"] == STREAMS_PER_JOB
            assert int(answer.headers["retry-after"]) > 0
            assert client.get(f"/v1/jobs/{job_id}").status_code == 200
            opened(many, other, streams, 1)
        until(lambda: is_let_in(client, job_id), "the streams to end")


def test_who_has_seen_the_end_keeps_no_place(client: httpx.Client, clip: Path) -> None:
    job_id = create(client, clip)["id"]
    client.post(f"/v1/jobs/{job_id}/cancel")
    tag = client.get(f"/v1/jobs/{job_id}").headers["etag"].removeprefix('W/"').removesuffix('"')
    answers = [client.get(path_of(job_id), headers={"Last-Event-ID": tag}) for _ in range(STREAMS_PER_JOB + 1)]
    assert {answer.status_code for answer in answers} == {204}


def test_whoever_follows_leaves_connections_to_the_others(settings: Settings, clip: Path) -> None:
    listener = listen("127.0.0.1", 0)
    limited = ["sh", "-c", f'ulimit -Sn {SOFT}; ulimit -Hn {HARD}; exec "$@"', "sh"]
    process = subprocess.Popen(
        [*limited, sys.executable, "-m", "cli.main", "api", "--fd", str(listener.fileno())],
        cwd=ROOT,
        env=environment(settings),
        pass_fds=[listener.fileno()],
    )
    try:
        with unlimited(url_of(listener)) as client:
            jobs = [create(client, clip)["id"] for _ in range(2)]
            assert psutil.Process(process.pid).rlimit(psutil.RLIMIT_NOFILE) == (HARD, HARD)
            with ExitStack() as streams:
                for job_id in jobs:
                    opened(client, job_id, streams, HARD // 4)
                refused = [client.get(path_of(job_id)) for job_id in jobs * 10]
                assert {assert_problem(answer, 503, "streams_full")["limit"] for answer in refused} == {HARD // 2}
                assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
                assert client.get("/healthz").status_code == 200
                assert client.get(f"/v1/jobs/{jobs[0]}").status_code == 200
                create(client, clip)
            until(lambda: is_let_in(client, jobs[0]), "the streams to end")
    finally:
        process.terminate()
        process.wait()
        listener.close()
    assert process.returncode == 0
