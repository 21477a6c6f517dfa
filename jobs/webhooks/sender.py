"""Takes what is due out of the outbox and sends it, many at a time and a few to one host, in a thread of its own.

Several may run, in one process or in many: they share the work by the leases of the outbox. Each end of a job is told
at least once: what was sent and could not be noted is sent again.
"""

from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import ExitStack
from typing import Final

import anyio
import httpx
import structlog
from anyio import to_thread
from anyio.abc import TaskGroup
from anyio.from_thread import start_blocking_portal
from redis.exceptions import RedisError

from jobs.record import JobRecord, Webhook
from jobs.repository import JobRecords
from jobs.webhooks.attempt import Attempts, Result
from jobs.webhooks.outbox import Outbox
from jobs.webhooks.slots import Share, Slots, shares_of

log: Final = structlog.get_logger(__name__)
_GRACE_S: Final = 3.0


class Deliverer:
    """Sends what is due, from ``start`` to ``stop``."""

    def __init__(
        self,
        outbox: Outbox,
        records: JobRecords,
        attempts: Attempts,
        on_result: Callable[[Result], None],
        poll_s: float = 1.0,
    ) -> None:
        """``on_result`` hears of everything that was noted. ``poll_s``: how often it looks for what is due."""
        self._outbox = outbox
        self._records = records
        self._attempts = attempts
        self._on_result = on_result
        self._poll_s = poll_s
        self._slots = Slots()
        self._stopping = False
        self._wanted = anyio.Event()
        self._ending = ExitStack()

    def start(self) -> None:
        """Begins to send, in a thread."""
        portal = self._ending.enter_context(start_blocking_portal(name="webhooks"))
        running = portal.start_task_soon(self._run)

        def end() -> None:
            try:
                portal.call(self._stop)
                running.result(_GRACE_S)
            except (TimeoutError, CancelledError):
                running.cancel()
            except Exception:  # whoever stops it has other things to end, too
                log.exception("webhooks_broken")

        self._ending.callback(end)

    def stop(self) -> None:
        """Takes nothing more, and leaves what is under way a few seconds; what is cut off then is sent again later."""
        self._ending.close()

    def _stop(self) -> None:
        self._stopping = True
        self._wanted.set()

    async def _run(self) -> None:
        async with anyio.create_task_group() as tasks:
            while not self._stopping:
                self._wanted = anyio.Event()
                try:
                    more = await self._round(tasks)
                except Exception:  # such as a thread that cannot be had: without this task nothing would ever be sent
                    log.exception("webhooks_broken")
                    more = False
                if not more:
                    with anyio.move_on_after(self._poll_s):
                        await self._wanted.wait()

    async def _round(self, tasks: TaskGroup) -> bool:
        """Begins to send what is due; False when no more is, or nothing can be begun now."""
        free = self._slots.free
        if not free:
            return False
        try:
            claimed = await to_thread.run_sync(self._outbox.claim, free)
        except RedisError as error:
            log.warning("webhooks_without_redis", error=str(error))
            return False
        for job_id in claimed:
            with structlog.contextvars.bound_contextvars(job_id=job_id):
                try:
                    await self._begin(job_id, tasks)
                except RedisError as error:
                    log.warning("webhooks_without_redis", error=str(error))
                    return False
                except Exception:  # a record that cannot be read must not hold up the others
                    log.exception("webhook_broken")
        # Another one's may be due behind these. That ends, also if all of these are put off: the more, the longer.
        return len(claimed) == free

    async def _begin(self, job_id: str, tasks: TaskGroup) -> None:
        record = await to_thread.run_sync(self._records.get, job_id)
        if record is None or record.webhook is None:
            await to_thread.run_sync(self._outbox.drop, job_id)
            log.warning("webhook_dropped", reason="there is no record of the job")
            self._on_result("dropped")
            return
        shares = shares_of(httpx.URL(record.webhook.url).host, record.owner)
        full = self._slots.full(shares)
        if full is not None:
            await to_thread.run_sync(self._outbox.put_off, job_id, self._slots.put_off_s(full))
            return
        self._slots.take(shares)
        tasks.start_soon(self._deliver, record, record.webhook, shares)

    async def _deliver(self, record: JobRecord, webhook: Webhook, shares: tuple[Share, Share]) -> None:
        host = shares[0].name
        with structlog.contextvars.bound_contextvars(job_id=record.id, request_id=record.request_id, host=host):
            try:
                self._on_result(await self._attempts.make(record, webhook, lambda: self._stopping))
            except RedisError as error:  # its lease runs out, and it is sent again
                log.warning("webhook_not_noted", error=str(error))
            except Exception:
                log.exception("webhook_broken")
            finally:
                self._slots.give_back(shares)
                self._wanted.set()
