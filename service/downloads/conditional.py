"""Conditional requests with If-None-Match (RFC 9110)."""

from collections.abc import Sequence


def is_known(tag: str, if_none_match: Sequence[str]) -> bool:
    """True if the header's values contain `tag`, an entity tag with its quotes. Weak and strong tags are equal."""
    tags = [_opaque(one) for value in if_none_match for one in value.split(",")]
    return "*" in tags or _opaque(tag) in tags


def _opaque(tag: str) -> str:
    return tag.strip().removeprefix("W/")
