"""``python -m tests.service.mortal_api before|after``: an API that is killed right before, or after, it takes a job."""

import os
import signal
import sys

from cli.serve import listen, run_api, url_of
from jobs.idempotency import KeyLease
from jobs.infra.settings import Settings
from jobs.queue import JobQueue
from jobs.record import JobRecord


def _kill_at(moment: str) -> None:
    real = JobQueue.submit

    def submit(queue: JobQueue, record: JobRecord, claim: KeyLease | None = None) -> None:
        if moment == "after":
            real(queue, record, claim)
        os.kill(os.getpid(), signal.SIGKILL)

    JobQueue.submit = submit  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    _kill_at(sys.argv[1])
    listener = listen("127.0.0.1", 0)
    print(url_of(listener), flush=True)
    sys.exit(run_api(Settings(), listener))
