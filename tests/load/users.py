"""locust, started as processes of its own: users that upload must not slow down the clocks of those that ask."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_FILE: Final = Path(__file__).with_name("locustfile.py")


@dataclass(frozen=True)
class Result:
    """What the users of one kind saw.

    Attributes:
        requests, failures: how many.
        seconds: from the first request to the last answer.
        times: milliseconds of an answer, and how many took that long.
    """

    requests: int
    failures: int
    seconds: float
    times: Mapping[float, int]

    def within(self, share: float) -> float:
        """Milliseconds within which this share of the requests was answered."""
        wanted, seen = share * sum(self.times.values()), 0
        for milliseconds in sorted(self.times):
            seen += self.times[milliseconds]
            if seen >= wanted:
                return milliseconds
        return 0.0


class Users:
    """A running locust with users of one kind."""

    def __init__(self, kind: str, count: int, url: str, about: Mapping[str, str]) -> None:
        """``about``: the environment variables that the locustfile reads."""
        options = [
            "--headless",
            "--host",
            url,
            "--users",
            str(count),
            "--spawn-rate",
            str(count),
            "--loglevel",
            "ERROR",
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "locust", "-f", str(_FILE), *options, "--json", kind],
            env={**os.environ, **about},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait(self) -> Result:
        """What they saw, once they have done their work."""
        said, complaints = self._process.communicate()
        if "[" not in said:
            raise RuntimeError(f"locust ended with status {self._process.returncode}: {complaints[-2000:]}")
        rows: list[dict[str, Any]] = json.loads(said[said.index("[") :])
        (row,) = rows
        return Result(
            row["num_requests"],
            row["num_failures"],
            row["last_request_timestamp"] - row["start_time"],
            {float(milliseconds): count for milliseconds, count in row["response_times"].items()},
        )

    def stop(self) -> Result:
        """The same, of those that have no end of their own."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait()
