"""If-None-Match of RFC 9110: whether a client has what it asks for already."""

from collections.abc import Sequence


def is_known(tag: str, if_none_match: Sequence[str]) -> bool:
    """Whether the fields' values name ``tag``, an entity tag with its quotes. Weak tags are as good as strong ones."""
    given = [_opaque(one) for value in if_none_match for one in value.split(",")]
    return "*" in given or _opaque(tag) in given


def _opaque(tag: str) -> str:
    return tag.strip().removeprefix("W/")
