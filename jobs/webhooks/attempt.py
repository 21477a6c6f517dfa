"""One attempt to deliver a webhook, from the message to the record of its outcome."""

import random
from collections.abc import Callable
from typing import Final, Literal

import structlog
from anyio import to_thread

from jobs.infra.redis_connection import ride_out
from jobs.record import JobRecord, Webhook, now
from jobs.webhooks.delivery import Delivery
from jobs.webhooks.message import message, message_id
from jobs.webhooks.outbox import Outbox, Outcome
from jobs.webhooks.signing import Signer

log: Final = structlog.get_logger(__name__)
Result = Literal["delivered", "failed", "given_up", "dropped"]
SCHEDULE_S: Final = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
"""Seconds from a try that failed to the next: the example of Standard Webhooks. About three days in all."""
_JITTER: Final = 0.1
_NOTE_PATIENCE_S: Final = 20.0


class Attempts:
    """Sends webhooks and records the outcomes."""

    def __init__(
        self,
        outbox: Outbox,
        signer: Signer,
        delivery: Delivery,
        schedule_s: tuple[float, ...],
        base_url: str = "",
    ) -> None:
        """`schedule_s`: seconds before each retry, one entry a retry. `base_url`: start of the URLs in the message."""
        self._outbox = outbox
        self._signer = signer
        self._delivery = delivery
        self._schedule_s = schedule_s
        self._base_url = base_url

    async def make(self, record: JobRecord, webhook: Webhook, gives_up: Callable[[], bool]) -> Result:
        """Makes one attempt. RedisError if Redis does not take the outcome before `gives_up` returns true."""
        outcome = await self._send(record, webhook)
        next_s = self._next(webhook, outcome)
        result = _result(outcome, next_s)
        told = log.info if result == "delivered" else log.warning
        told(f"webhook_{result}", status=outcome.status, error=outcome.error, attempt=webhook.attempts + 1)

        def note() -> None:
            self._outbox.note(record, webhook, outcome, next_s)

        await to_thread.run_sync(ride_out, note, _NOTE_PATIENCE_S, gives_up)
        return result

    async def _send(self, record: JobRecord, webhook: Webhook) -> Outcome:
        try:
            body = message(record, self._base_url)
            headers = self._signer.headers(message_id(record), body, now(), record.owner)
            return await self._delivery.send(webhook.url, body, headers)
        except Exception:  # counts as an attempt; otherwise it would be repeated forever
            log.exception("webhook_broken")
            return Outcome(error="internal error of the service")

    def _next(self, webhook: Webhook, outcome: Outcome) -> float | None:
        if outcome.error is None or outcome.final or webhook.attempts >= len(self._schedule_s):
            return None
        return self._schedule_s[webhook.attempts] * random.uniform(1, 1 + _JITTER)


def _result(outcome: Outcome, next_s: float | None) -> Result:
    if outcome.error is None:
        return "delivered"
    return "given_up" if next_s is None else "failed"
