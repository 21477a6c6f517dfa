"""One try: look the host up, refuse what is not public, send to the very address that was looked at.

The connection goes to that address and not to the name, or a second look-up could say something else. TLS is for the
name. Nothing is kept from one try to the next: no connection, no cookie.
"""

import ssl
from contextlib import suppress
from typing import Final

import anyio
import httpx
from anyio import to_thread

from jobs.webhooks.addresses import Address, InvalidWebhookError, Resolve, check_url, is_public, resolve
from jobs.webhooks.outbox import Outcome

_MAX_READ: Final = 64 * 1024
_MAX_ADDRESSES: Final = 4
_CONNECT_S: Final = 5.0
_MAX_ERROR: Final = 200  # characters
_PORTS: Final = {"https": 443, "http": 80}


class Delivery:
    """Sends one message at a time, or many."""

    def __init__(
        self,
        *,
        private: bool,
        timeout_s: float = 15.0,
        lookup: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """``private``: addresses that are not public are fine. ``timeout_s`` is for a whole try, whatever it does.

        ``tls``: whom to trust; by default certifi's list, or what SSL_CERT_FILE and SSL_CERT_DIR name.
        """
        self._private = private
        self._timeout_s = timeout_s
        self._lookup = lookup
        self._tls = tls or httpx.create_ssl_context()

    async def send(self, url: str, body: str, headers: dict[str, str]) -> Outcome:
        """One POST; any status of 2xx is a success, and only 410 the end. Never raises for what the network does."""
        statuses: list[int] = []
        try:
            # once more, since the settings may have changed meanwhile
            target = httpx.URL(check_url(url, private=self._private))
            with anyio.fail_after(self._timeout_s):
                addresses = await self._addresses(target)
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

    async def _addresses(self, target: httpx.URL) -> list[Address]:
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
        """Appends the answer's status to ``statuses``. Tries the next address only where there was no connection."""
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
            with suppress(httpx.HTTPError):  # the status counts, whatever becomes of the rest
                await _drain(response)


class _RefusedError(Exception):
    """It is not sent at all."""


async def _drain(response: httpx.Response) -> None:
    """Reads a little of the answer, since some servers mind a connection that is closed while they write."""
    read = 0
    async for chunk in response.aiter_raw():
        read += len(chunk)
        if read >= _MAX_READ:
            return
