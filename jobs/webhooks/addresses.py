"""Allowed destinations of webhooks: checks of the URL when a job is created, and of the address at each delivery.

Any caller that may create jobs chooses the URL. Without these checks, callers could make the service send requests to
hosts that only the service can reach (server-side request forgery).
"""

import re
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import httpx

MAX_URL: Final = 2000
Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], list[Address]]

_NAME: Final = re.compile(r"([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?")
_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
# Special-purpose by IANA's registries, but global to some versions of `ipaddress`. They include 6to4 and Teredo, which
# can embed any IPv4 address.
_SPECIAL: Final = [ip_network(net) for net in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20")]


class InvalidWebhookError(ValueError):
    """The URL is refused, for the reason in the message.

    Attributes:
        limit: the limit in characters that the URL exceeds; None for any other reason.
    """

    def __init__(self, reason: str, limit: int | None = None) -> None:
        super().__init__(reason)
        self.limit = limit


def check_url(text: str, *, private: bool) -> str:
    """Returns the normalized URL; InvalidWebhookError when it is refused.

    ``private``: also allows HTTP, and hosts that are not public. Host names are resolved and checked at each delivery.
    """
    if len(text) > MAX_URL:
        raise InvalidWebhookError(f"The webhook must have at most {MAX_URL} characters.", MAX_URL)
    try:
        url = httpx.URL(text)
        host = url.raw_host.decode()
    except (httpx.InvalidURL, ValueError):
        raise InvalidWebhookError(f"The webhook is not a valid URL. It {_must_be(private)}") from None
    if url.scheme not in (("http", "https") if private else ("https",)) or not host:
        raise InvalidWebhookError(f"The webhook {_must_be(private)}")
    if url.userinfo:
        raise InvalidWebhookError("The webhook must not contain a user name or password.")
    if url.fragment or "#" in text:
        raise InvalidWebhookError("The webhook must not contain a fragment (#).")
    if len(str(url)) > MAX_URL:
        raise InvalidWebhookError(
            f"The webhook must have at most {MAX_URL} characters once it is percent-encoded.", MAX_URL
        )
    if url.port == 0 or (url.port or 1) > 65535:
        raise InvalidWebhookError("The port of the webhook must be 1 to 65535.")
    _check_host(host, private)
    return str(url)


def _must_be(private: bool) -> str:
    return f"must be {'an http:// or https://' if private else 'a public https://'} URL."


def is_public(address: Address) -> bool:
    """True for a unicast address on the public internet; a NAT64 address counts as the IPv4 address it stands for."""
    if address in _NAT64:  # used by IPv6-only networks to reach IPv4 hosts
        return is_public(IPv4Address(address.packed[12:]))
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return False
    if any(address in special for special in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast


def resolve(host: str, port: int) -> list[Address]:
    """Resolves a host name with the system's resolver; OSError when it has no address."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(entry[4][0]) for entry in found))


def _check_host(host: str, private: bool) -> None:
    try:
        address = ip_address(host)
    except ValueError:
        if not _NAME.fullmatch(host):
            raise InvalidWebhookError("The webhook has an invalid host name.") from None
        name = host.rstrip(".").lower()
        last = name.rpartition(".")[2]
        # resolvers read 127.1 and 0x7f000001 as addresses
        if not private and ("." not in name or last == "localhost" or last[0].isdigit()):
            raise InvalidWebhookError(f"The webhook's host is not on the internet. It {_must_be(private)}") from None
    else:
        if not private and not is_public(address):
            raise InvalidWebhookError("The webhook must be a public https:// URL, not an address of a private network.")
