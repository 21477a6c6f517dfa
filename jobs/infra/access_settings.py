"""Parsers of the access settings: keys, rates, origins, proxies and the public URL. Every error is a ValueError."""

import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final
from urllib.parse import urlsplit

from limits import RateLimitItem, parse_many

NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""The name of a key: safe in logs, in Redis and in a setting."""
_ENTRY: Final = re.compile(rf"({NAME.pattern}):([0-9A-Fa-f]{{64}})")
_ORIGIN: Final = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")
_PUBLIC_URL: Final = re.compile(rf"{_ORIGIN.pattern}(/[a-z0-9._~-]+)*", re.IGNORECASE)
_MOST: Final = 100_000  # the time of each counted request is kept for every key


@dataclass(frozen=True)
class KeyEntry:
    """One API key: its name and the SHA-256 of its text."""

    name: str
    digest: bytes


def parse_keys(text: str) -> list[KeyEntry]:
    """Parses ``NAME:SHA256,...``. Errors give the number of an entry, because its text may be a key by mistake."""
    entries: list[KeyEntry] = []
    seen: dict[bytes, int] = {}
    for number, part in enumerate(text.split(","), 1):
        found = _ENTRY.fullmatch(part.strip())
        if found is None:
            raise ValueError(f"V2M_API_KEYS: entry {number} is not NAME:SHA256. Create one with `v2m key NAME`.")
        entry = KeyEntry(found[1], bytes.fromhex(found[2]))
        if entry.digest in seen:
            raise ValueError(f"V2M_API_KEYS: entry {number} is the same key as entry {seen[entry.digest]}.")
        seen[entry.digest] = number
        entries.append(entry)
    return entries


def parse_rates(text: str) -> list[RateLimitItem]:
    """Parses ``20/second;600/minute``. The result has the shortest window first."""
    try:
        rates = parse_many(text)
    except ValueError:
        raise ValueError("V2M_RATE_LIMIT must look like 600/minute, or 20/second;600/minute for several.") from None
    if not all(0 < rate.amount <= _MOST for rate in rates):
        raise ValueError(f"V2M_RATE_LIMIT must allow 1 to {_MOST} requests in each window.")
    return sorted(rates, key=lambda rate: rate.get_expiry())


def parse_origins(text: str) -> list[str]:
    """Parses ``https://a.example,http://localhost:5173``, or ``*`` for all origins."""
    origins = [part.strip().lower() for part in text.split(",")]
    if origins == ["*"]:
        return origins
    for number, origin in enumerate(origins, 1):
        if _ORIGIN.fullmatch(origin) is None:
            advice = "An origin looks like https://app.example.com, without a path. * must be the only entry."
            raise ValueError(f"V2M_CORS_ORIGINS: entry {number} is not an origin. {advice}")
    return origins


def parse_proxies(text: str) -> list[str]:
    """Reads ``10.0.0.5,172.30.98.0/24``: addresses and networks, IPv4 or IPv6."""
    proxies = [part.strip() for part in text.split(",")]
    for number, proxy in enumerate(proxies, 1):
        try:
            ip_network(proxy)
        except ValueError as error:
            raise ValueError(
                f"V2M_TRUSTED_PROXIES: entry {number} is not an address such as 10.0.0.5 or a network such as "
                f"10.0.0.0/24 ({error})"
            ) from None
    return proxies


def parse_public_url(text: str) -> str:
    """Reads `https://v2m.example.com` or `https://example.com/v2m`; returns it without a slash at the end."""
    url = text.rstrip("/")
    try:
        is_valid = _PUBLIC_URL.fullmatch(url) is not None and urlsplit(url).port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ValueError(
            "V2M_PUBLIC_URL: must be the address of the API, like https://v2m.example.com or https://example.com/v2m, "
            "without a user name, query or fragment"
        )
    return url
