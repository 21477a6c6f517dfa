"""Webhook sender: a thread that leases due webhooks and delivers many at a time, with limits for each host and caller.

Several senders may run, in one process or in many, and share the work through the leases of the outbox. Each webhook is
delivered at least once: an attempt whose outcome could not be recorded is repeated.

A delivery takes a slot of its host and one of its caller: of the API key that created the job or, in a service without
keys, of the site that the host belongs to. So receivers that hang use up the slots of their own caller only.
"""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import ExitStack
from heapq import heappop, heappush
from ipaddress import ip_address
from typing import Final, Literal, NamedTuple

import anyio
import httpx
import structlog
from anyio import to_thread
from anyio.abc import TaskGroup
from anyio.from_thread import start_blocking_portal
from redis.exceptions import RedisError

from jobs.record import JobRecord, Webhook
from jobs.repository import JobRecords
from jobs.webhooks.delivery import DeliveryAttempts, Result
from jobs.webhooks.outbox import Outbox

log: Final = structlog.get_logger(__name__)
_GRACE_S: Final = 3.0
_MAX_RUNNING: Final = 32
_POSTPONE_S: Final = 2.0
_POSTPONE_EACH_S: Final = _POSTPONE_S / 50


class Share(NamedTuple):
    """A host, API key or site whose concurrent deliveries are limited."""

    kind: Literal["host", "owner", "site"]
    name: str


_SLOTS: Final = {"host": 4, "owner": 8, "site": 8}


def find_shares(host: str, owner: str | None) -> tuple[Share, Share]:
    """The two shares of which a delivery takes a slot. ``owner``: name of the API key that created the job."""
    host = host.rstrip(".").lower()
    return Share("host", host), Share("site", _site(host)) if owner is None else Share("owner", owner)


class Slots:
    """Counts the running deliveries, and those that were postponed because a share was full. For one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` returns seconds."""
        self._clock = clock
        self._running = 0
        self._used: Counter[Share] = Counter()
        self._postponed: Counter[Share] = Counter()
        self._due: list[tuple[float, Share]] = []

    @property
    def free(self) -> int:
        """Number of further deliveries that may start, whatever their shares."""
        return _MAX_RUNNING - self._running

    def find_full(self, shares: tuple[Share, ...]) -> Share | None:
        """The first share without a free slot; None when the delivery may start."""
        return next((share for share in shares if self._used[share] >= _SLOTS[share.kind]), None)

    def acquire(self, shares: tuple[Share, ...]) -> None:
        """Counts a delivery that starts."""
        self._running += 1
        self._used.update(shares)

    def release(self, shares: tuple[Share, ...]) -> None:
        """Counts a delivery that has ended."""
        self._running -= 1
        for share in shares:
            _decrement(self._used, share)

    def postpone_s(self, share: Share) -> float:
        """Counts a delivery that is postponed because ``share`` is full; returns the delay in seconds.

        The delay grows with the number of postponed deliveries, so that about 25 of them are checked per second.
        """
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            _decrement(self._postponed, heappop(self._due)[1])
        self._postponed[share] += 1
        delay_s = max(_POSTPONE_S, _POSTPONE_EACH_S * self._postponed[share])
        heappush(self._due, (now + delay_s, share))
        return delay_s


class Deliverer:
    """Delivers due webhooks from ``start`` to ``stop``."""

    def __init__(
        self,
        outbox: Outbox,
        records: JobRecords,
        attempts: DeliveryAttempts,
        on_result: Callable[[Result], None],
        poll_s: float = 1.0,
    ) -> None:
        """``on_result`` is called with every recorded result. ``poll_s``: seconds between checks for due webhooks."""
        self._outbox = outbox
        self._records = records
        self._attempts = attempts
        self._on_result = on_result
        self._poll_s = poll_s
        self._slots = Slots()
        self._stopping = False
        self._wake = anyio.Event()
        self._shutdown = ExitStack()

    def start(self) -> None:
        """Starts the thread."""
        portal = self._shutdown.enter_context(start_blocking_portal(name="webhooks"))
        running = portal.start_task_soon(self._run)

        def end() -> None:
            try:
                portal.call(self._stop)
                running.result(_GRACE_S)
            except (TimeoutError, CancelledError):
                running.cancel()
            except Exception:  # the caller has other things to shut down, too
                log.exception("webhooks_broken")

        self._shutdown.callback(end)

    def stop(self) -> None:
        """Leases no further webhooks and gives running deliveries 3 seconds; those cut off are repeated later."""
        self._shutdown.close()

    def _stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def _run(self) -> None:
        async with anyio.create_task_group() as tasks:
            while not self._stopping:
                self._wake = anyio.Event()
                try:
                    more = await self._start_due(tasks)
                except Exception:  # for example, no thread is available; if this task ended, nothing would be sent
                    log.exception("webhooks_broken")
                    more = False
                if not more:
                    with anyio.move_on_after(self._poll_s):
                        await self._wake.wait()

    async def _start_due(self, tasks: TaskGroup) -> bool:
        """Starts the due deliveries; returns False when no more are due or none can start now."""
        free = self._slots.free
        if not free:
            return False
        try:
            leased = await to_thread.run_sync(self._outbox.lease_due, free)
        except RedisError as error:
            log.warning("webhooks_without_redis", error=str(error))
            return False
        for job_id in leased:
            with structlog.contextvars.bound_contextvars(job_id=job_id):
                try:
                    await self._start(job_id, tasks)
                except RedisError as error:
                    log.warning("webhooks_without_redis", error=str(error))
                    return False
                except Exception:  # a record that cannot be read must not block the others
                    log.exception("webhook_broken")
        # More may be due behind these. This ends even if all are postponed, since the delay grows with their number.
        return len(leased) == free

    async def _start(self, job_id: str, tasks: TaskGroup) -> None:
        record = await to_thread.run_sync(self._records.get, job_id)
        if record is None or record.webhook is None:
            await to_thread.run_sync(self._outbox.remove, job_id)
            log.warning("webhook_dropped", reason="there is no record of the job")
            self._on_result("dropped")
            return
        shares = find_shares(httpx.URL(record.webhook.url).host, record.owner)
        full = self._slots.find_full(shares)
        if full is not None:
            await to_thread.run_sync(self._outbox.postpone, job_id, self._slots.postpone_s(full))
            return
        self._slots.acquire(shares)
        tasks.start_soon(self._deliver, record, record.webhook, shares)

    async def _deliver(self, record: JobRecord, webhook: Webhook, shares: tuple[Share, Share]) -> None:
        host = shares[0].name
        with structlog.contextvars.bound_contextvars(job_id=record.id, request_id=record.request_id, host=host):
            try:
                self._on_result(await self._attempts.run(record, webhook, lambda: self._stopping))
            except RedisError as error:  # its lease expires, and it is sent again
                log.warning("webhook_not_noted", error=str(error))
            except Exception:
                log.exception("webhook_broken")
            finally:
                self._slots.release(shares)
                self._wake.set()


def _site(host: str) -> str:
    """Approximate registered domain of a host: its owner can create any number of names below it."""
    try:
        return str(ip_address(host))
    except ValueError:
        return ".".join(host.split(".")[-2:])


def _decrement(counter: Counter[Share], share: Share) -> None:
    """Subtracts one and drops the entry at zero, so that the counter does not grow forever."""
    counter[share] -= 1
    if not counter[share]:
        del counter[share]
