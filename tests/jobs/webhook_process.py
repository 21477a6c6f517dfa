"""Process that delivers webhooks until it is killed, with a lease of one second."""

import threading
from contextlib import closing

from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings
from tests.jobs.webhook_receiver import run_deliverer

if __name__ == "__main__":
    with closing(connect(Settings().redis)) as redis, run_deliverer(redis, lease_s=1.0):
        threading.Event().wait()
