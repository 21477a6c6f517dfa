"""Slots of concurrent deliveries, and the delay of postponed ones."""

import pytest

from jobs.webhooks.sender import Share, Slots, find_shares


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("hooks.example.org", "example.org"),
        ("a.b.c.Example.org.", "example.org"),
        ("example.org", "example.org"),
        ("localhost", "localhost"),
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_without_keys_all_hosts_of_a_site_are_one_share(host: str, site: str) -> None:
    assert find_shares(host, None) == (Share("host", host.rstrip(".").lower()), Share("site", site))


def test_with_keys_the_key_is_the_share() -> None:
    assert find_shares("a.example.org", "example.org") == (
        Share("host", "a.example.org"),
        Share("owner", "example.org"),
    )


def test_slots_are_counted_and_released() -> None:
    slots = Slots()
    alice = [find_shares(f"{number % 3}.example", "alice") for number in range(8)]
    for shares in alice:
        assert slots.find_full(shares) is None
        slots.acquire(shares)
    assert slots.free == 32 - 8
    assert slots.find_full(find_shares("else.example", "alice")) == Share("owner", "alice")
    assert slots.find_full(find_shares("0.example", "bob")) is None, "three of four"
    slots.acquire(find_shares("0.example", "bob"))
    assert slots.find_full(find_shares("0.example", "bob")) == Share("host", "0.example")
    for shares in alice:
        slots.release(shares)
    assert slots.free == 32 - 1
    assert slots.find_full(find_shares("0.example", "alice")) is None


def test_delay_grows_with_the_number_of_postponed_deliveries() -> None:
    clock = Clock()
    slots, host, other = Slots(clock), Share("host", "a.example"), Share("owner", "alice")
    delays = [slots.postpone_s(host) for _ in range(6000)]
    assert (delays[0], delays[49]) == (2.0, 2.0)
    assert delays[99] == pytest.approx(4.0)
    assert delays[-1] == pytest.approx(240.0)
    assert slots.postpone_s(other) == 2.0, "it has none that wait"
    clock.now += 120.0
    assert slots.postpone_s(host) == pytest.approx(120.0, rel=0.01), "half of them were due meanwhile"
    clock.now += 1000.0
    assert slots.postpone_s(host) == 2.0
