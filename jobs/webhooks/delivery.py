"""Delivery of one webhook: the message, its request to the receiver, and the record of the outcome.

The host name is resolved once, every address is checked, and the connection goes to the checked address and not to the
name, since a second lookup could give another address. TLS verifies the name. DeliveryAttempts share no connection or
cookie.
"""

import random
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Literal

import anyio
import httpx
import structlog
from anyio import to_thread

from jobs.infra.redis_connection import retry_while_unavailable
from jobs.record import JobRecord, Webhook, now
from jobs.webhooks.addresses import Address, InvalidWebhookError, Resolve, check_url, is_public, resolve
from jobs.webhooks.message import Signer, build_message, message_id
from jobs.webhooks.outbox import Outbox, Outcome

log: Final = structlog.get_logger(__name__)
Result = Literal["delivered", "failed", "given_up", "dropped"]
SCHEDULE_S: Final = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
"""Seconds from a failed attempt to the next: the example of Standard Webhooks. About three days in all."""
_JITTER: Final = 0.1
_RECORD_PATIENCE_S: Final = 20.0
_MAX_READ: Final = 64 * 1024
_MAX_ADDRESSES: Final = 4
_CONNECT_S: Final = 5.0
_MAX_ERROR: Final = 200  # characters
_PORTS: Final = {"https": 443, "http": 80}


class Delivery:
    """HTTP client for webhooks; may send several messages at the same time."""

    def __init__(
        self,
        *,
        private: bool,
        timeout_s: float = 15.0,
        lookup: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """``private``: allows addresses that are not public. ``timeout_s``: limit of a whole attempt, in seconds.

        ``tls``: trusted certificates; by default certifi's list, or those that SSL_CERT_FILE and SSL_CERT_DIR name.
        """
        self._private = private
        self._timeout_s = timeout_s
        self._lookup = lookup
        self._tls = tls or httpx.create_ssl_context()

    async def send(self, url: str, body: str, headers: dict[str, str]) -> Outcome:
        """Sends one POST. Any 2xx status is a success; only 410 is final. Network errors become part of the outcome."""
        statuses: list[int] = []
        try:
            # checked again, since the settings may have changed since the job was created
            target = httpx.URL(check_url(url, private=self._private))
            with anyio.fail_after(self._timeout_s):
                addresses = await self._find_addresses(target)
                await self._post(target, addresses, body, headers, statuses)
        except TimeoutError:
            if not statuses:
                return Outcome(error=f"no answer within {self._timeout_s:g} s")
        except (InvalidWebhookError, _RefusedError) as error:
            return Outcome(error=str(error)[:_MAX_ERROR])
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Outcome(error=f"{type(error).__name__}: {error}"[:_MAX_ERROR])
        status = statuses[0]
        if 200 <= status < 300:
            return Outcome(status)
        if status == httpx.codes.GONE:
            return Outcome(status, "the answer was 410: it wants no more", final=True)
        also = "; redirects are not followed" if 300 <= status < 400 else ""
        return Outcome(status, f"the answer was {status}, not 2xx{also}")

    async def _find_addresses(self, target: httpx.URL) -> list[Address]:
        port = target.port or _PORTS[target.scheme]
        try:
            found = await to_thread.run_sync(
                self._lookup, target.raw_host.decode(), port, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1)
            )
        except (OSError, UnicodeError):
            raise _RefusedError("The webhook's host cannot be found.") from None
        # all of them: a name for a public and a private address is an attack, or a mistake
        if not self._private and not all(map(is_public, found)):
            raise _RefusedError("The webhook's host has an address that is not public.")
        return found[:_MAX_ADDRESSES]

    async def _post(
        self, target: httpx.URL, addresses: list[Address], body: str, headers: dict[str, str], statuses: list[int]
    ) -> None:
        """Appends the response's status to ``statuses``. Tries the next address only when the connection failed."""
        for address in addresses:
            try:
                await self._post_to(address, target, body, headers, statuses)
                return
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if address == addresses[-1]:
                    raise

    async def _post_to(
        self, address: Address, target: httpx.URL, body: str, headers: dict[str, str], statuses: list[int]
    ) -> None:
        own = {"Host": target.netloc.decode(), "Content-Type": "application/json", "User-Agent": "v2m-zero"}
        timeout = httpx.Timeout(None, connect=_CONNECT_S)
        async with (
            httpx.AsyncClient(verify=self._tls, trust_env=False, follow_redirects=False, timeout=timeout) as client,
            client.stream(
                "POST",
                target.copy_with(host=str(address)),
                content=body.encode(),
                headers={**own, **headers},
                extensions={"sni_hostname": target.raw_host.decode().rstrip(".")},
            ) as response,
        ):
            statuses.append(response.status_code)
            with suppress(httpx.HTTPError):  # only the status counts
                await _drain(response)


class DeliveryAttempts:
    """Runs delivery attempts and records their outcomes in the outbox."""

    def __init__(
        self,
        outbox: Outbox,
        signer: Signer,
        delivery: Delivery,
        schedule_s: tuple[float, ...],
        base_url: str = "",
    ) -> None:
        """``schedule_s``: seconds before each retry, one entry a retry. ``base_url``: start of the message's URLs."""
        self._outbox = outbox
        self._signer = signer
        self._delivery = delivery
        self._schedule_s = schedule_s
        self._base_url = base_url

    async def run(self, record: JobRecord, webhook: Webhook, should_stop: Callable[[], bool]) -> Result:
        """Runs one attempt and returns its result.

        RedisError when the outcome cannot be recorded within 20 seconds, or before ``should_stop`` returns True.
        """
        outcome = await self._send(record, webhook)
        next_s = self._find_delay(webhook, outcome)
        result = _result(outcome, next_s)
        write = log.info if result == "delivered" else log.warning
        write(f"webhook_{result}", status=outcome.status, error=outcome.error, attempt=webhook.attempts + 1)

        def record_attempt() -> None:
            self._outbox.record_attempt(record, webhook, outcome, next_s)

        await to_thread.run_sync(retry_while_unavailable, record_attempt, _RECORD_PATIENCE_S, should_stop)
        return result

    async def _send(self, record: JobRecord, webhook: Webhook) -> Outcome:
        try:
            body = build_message(record, self._base_url)
            headers = self._signer.headers(message_id(record), body, now(), record.owner)
            return await self._delivery.send(webhook.url, body, headers)
        except Exception:  # it counts as an attempt; otherwise it would be repeated forever
            log.exception("webhook_broken")
            return Outcome(error="an internal error")

    def _find_delay(self, webhook: Webhook, outcome: Outcome) -> float | None:
        """Seconds until the next attempt; None when there is none."""
        if outcome.error is None or outcome.final or webhook.attempts >= len(self._schedule_s):
            return None
        return self._schedule_s[webhook.attempts] * random.uniform(1, 1 + _JITTER)


class _RefusedError(Exception):
    """The message must not be sent to this URL."""


def _result(outcome: Outcome, next_s: float | None) -> Result:
    if outcome.error is None:
        return "delivered"
    return "given_up" if next_s is None else "failed"


async def _drain(response: httpx.Response) -> None:
    """Reads a little of the response, since some servers fail when the connection is closed while they write."""
    read = 0
    async for chunk in response.aiter_raw():
        read += len(chunk)
        if read >= _MAX_READ:
            return
