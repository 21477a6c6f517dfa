"""How many tries are under way at one time, so that nobody's receivers hold up everybody else's.

A try takes a place of its host and one of its caller: of the key that made the job, or, where there are no keys, of the
site that the host belongs to. Receivers that hang so take their own caller's places and leave the others theirs.
"""

import time
from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush
from ipaddress import ip_address
from typing import Final, Literal, NamedTuple

_AT_ONCE: Final = 32
_PUT_OFF_S: Final = 2.0
_EACH_S: Final = _PUT_OFF_S / 50


class Share(NamedTuple):
    """Of what there are only so many places."""

    kind: Literal["host", "owner", "site"]
    name: str


_PLACES: Final = {"host": 4, "owner": 8, "site": 8}


def shares_of(host: str, owner: str | None) -> tuple[Share, Share]:
    """What a try takes a place of. ``owner``: name of the key that made the job."""
    host = host.rstrip(".").lower()
    return Share("host", host), Share("site", _site(host)) if owner is None else Share("owner", owner)


class Slots:
    """The places, and who was put off for want of one. For one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock``: seconds."""
        self._clock = clock
        self._under_way = 0
        self._taken: Counter[Share] = Counter()
        self._waiting: Counter[Share] = Counter()
        self._due: list[tuple[float, Share]] = []

    @property
    def free(self) -> int:
        """How many more tries may be begun, whosever they are."""
        return _AT_ONCE - self._under_way

    def full(self, shares: tuple[Share, ...]) -> Share | None:
        """The one that has no place left; None when the try may begin."""
        return next((share for share in shares if self._taken[share] >= _PLACES[share.kind]), None)

    def take(self, shares: tuple[Share, ...]) -> None:
        """A try begins."""
        self._under_way += 1
        self._taken.update(shares)

    def give_back(self, shares: tuple[Share, ...]) -> None:
        """It is over."""
        self._under_way -= 1
        for share in shares:
            _less(self._taken, share)

    def put_off_s(self, share: Share) -> float:
        """One more is put off since this has no place left; after so many seconds it should be looked at again.

        The more of them wait, the later: however many they are, about 25 in a second are looked at.
        """
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            _less(self._waiting, heappop(self._due)[1])
        self._waiting[share] += 1
        delay_s = max(_PUT_OFF_S, _EACH_S * self._waiting[share])
        heappush(self._due, (now + delay_s, share))
        return delay_s


def _site(host: str) -> str:
    """The end of a name that somebody has registered, about: whoever has one can have any number of names below it."""
    try:
        return str(ip_address(host))
    except ValueError:
        return ".".join(host.split(".")[-2:])


def _less(counter: Counter[Share], share: Share) -> None:
    """One less, and nothing kept of what is not there any more."""
    counter[share] -= 1
    if not counter[share]:
        del counter[share]
