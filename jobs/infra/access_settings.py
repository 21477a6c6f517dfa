"""Parsers of the access settings: keys, rates, origins, proxies and the public URL. Every error is a ValueError."""

import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final
from urllib.parse import urlsplit

from limits import RateLimitItem, parse_many

NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What a key may be called: safe in logs, in Redis and in a setting."""
_ENTRY: Final = re.compile(rf"({NAME.pattern}):([0-9A-Fa-f]{{64}})")
_ORIGIN: Final = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")
_PUBLIC_URL: Final = re.compile(rf"{_ORIGIN.pattern}(/[a-z0-9._~-]+)*", re.IGNORECASE)
_MOST: Final = 100_000  # the times of so many requests are kept for every key


@dataclass(frozen=True)
class KeyEntry:
    """One key that is accepted: the name it goes by, and the SHA-256 of its text."""

    name: str
    digest: bytes


def parse_keys(text: str) -> list[KeyEntry]:
    """Reads ``NAME:SHA256,...``. The error names the entry by its number: its text might be a key by mistake."""
    entries: list[KeyEntry] = []
    seen: dict[bytes, int] = {}
    for number, part in enumerate(text.split(","), 1):
        found = _ENTRY.fullmatch(part.strip())
        if found is None:
            raise ValueError(f"V2M_API_KEYS: entry {number} is not NAME:SHA256; `v2m key NAME` prints one")
        entry = KeyEntry(found[1], bytes.fromhex(found[2]))
        if entry.digest in seen:
            raise ValueError(f"V2M_API_KEYS: entry {number} is the same key as entry {seen[entry.digest]}")
        seen[entry.digest] = number
        entries.append(entry)
    return entries


def parse_rates(text: str) -> list[RateLimitItem]:
    """Reads ``20/second;600/minute``; the shortest window comes first."""
    try:
        rates = parse_many(text)
    except ValueError:
        raise ValueError("V2M_RATE_LIMIT: must be like 600/minute, or several such as 20/second;600/minute") from None
    if not all(0 < rate.amount <= _MOST for rate in rates):
        raise ValueError(f"V2M_RATE_LIMIT: must allow 1 to {_MOST} requests in each window")
    return sorted(rates, key=lambda rate: rate.get_expiry())


def parse_origins(text: str) -> list[str]:
    """Reads ``https://a.example,http://localhost:5173``, or ``*`` alone, which means all."""
    origins = [part.strip().lower() for part in text.split(",")]
    if origins == ["*"]:
        return origins
    for number, origin in enumerate(origins, 1):
        if _ORIGIN.fullmatch(origin) is None:
            advice = "an origin is like https://app.example.com, without a path; * stands alone"
            raise ValueError(f"V2M_CORS_ORIGINS: entry {number} is no origin; {advice}")
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
