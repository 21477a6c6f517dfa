"""``python -m tests.load``: uploads at once, and polls beside them, for one process of the API; a table on stdout.

The real API and the real Redis, both with the settings of `v2m up`, no worker and no limits of rate. In rounds: the
memory of the API must not grow with them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import psutil

from cli.serve import listen, url_of
from cli.stack import RedisServer
from jobs.infra.redis_connection import connect
from tests.load.clip import make_noise
from tests.load.users import Result, Users
from tests.processes import until

MEGABYTE: Final = 1_000_000
ASKERS: Final = 10
UNLIMITED: Final = {"V2M_MAX_UPLOADS": "1000", "V2M_MAX_UPLOADS_PER_KEY": "1000"}


def main() -> None:
    """The whole."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--uploads", type=int, default=200, help="in each round")
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--megabytes", type=float, default=5.0, help="of each upload")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="v2m-load-") as folder:
        clip = make_noise(Path(folder) / "clip.mp4", int(asked.megabytes * MEGABYTE))
        with running(Path(folder) / "state") as (url, process):
            job = first(url, clip)
            about = {"V2M_LOAD_CLIP": str(clip), "V2M_LOAD_UPLOADS": str(asked.uploads), "V2M_LOAD_JOB": job}
            print(
                f"{asked.uploads} uploads of {clip.stat().st_size / MEGABYTE:.1f} MB a round, {asked.at_once} at once;"
            )
            print(f"{ASKERS} others ask 5 times a second each; {os.cpu_count()} processor cores for all of it.\n")
            print("| round | uploads/s | upload p50, p99 | polls | poll p50, p99 | errors | memory of the API |")
            print("|---|---|---|---|---|---|---|")
            print(f"| before | | | | | | {resident(process)} |")
            for number in range(1, asked.rounds + 1):
                askers = Users("Asker", ASKERS, url, about)
                uploads = Users("Uploader", asked.at_once, url, about).wait()
                print(f"| {number} {row(uploads, askers.stop())} {resident(process)} |", flush=True)


def row(uploads: Result, polls: Result) -> str:
    """The cells of one round."""
    rate = uploads.requests / uploads.seconds
    up, ask = ([f"{result.within(share):.0f} ms" for share in (0.5, 0.99)] for result in (uploads, polls))
    errors = uploads.failures + polls.failures
    return f"| {rate:.1f} | {', '.join(up)} | {polls.requests} | {', '.join(ask)} | {errors} |"


def resident(process: psutil.Process) -> str:
    """Memory of the process, without its children."""
    return f"{process.memory_info().rss / MEGABYTE:.0f} MB"


def first(url: str, clip: Path) -> str:
    """The id of a job, to be asked after; the API has done everything once by then."""
    with clip.open("rb") as video:
        made = httpx.post(f"{url}/v1/jobs", files={"video": video}, timeout=60).raise_for_status()
    return str(made.json()["id"])


@contextmanager
def running(state: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The address of an API, and its process."""
    state.mkdir()
    redis = RedisServer(state)
    listener = listen("127.0.0.1", 0)
    with subprocess.Popen(redis.command()) as server:
        try:
            with connect(redis.url) as client:
                until(client.ping, "Redis")
            command = [sys.executable, "-m", "cli.main", "api", "--fd", str(listener.fileno())]
            settings = {"REDIS_URL": redis.url, "V2M_STATE_DIR": str(state), "V2M_LOG_LEVEL": "warning", **UNLIMITED}
            with subprocess.Popen(command, env={**os.environ, **settings}, pass_fds=[listener.fileno()]) as api:
                try:
                    httpx.get(f"{url_of(listener)}/healthz", timeout=60).raise_for_status()
                    yield url_of(listener), psutil.Process(api.pid)
                finally:
                    api.terminate()
        finally:
            redis.close()
            server.terminate()


if __name__ == "__main__":
    main()
