"""Reading server-sent events as the HTML standard has it."""

import pytest

from v2m_client.streams import Event, parse


def events(text: str, size: int) -> list[Event | None]:
    """What comes of a stream that arrives in pieces of ``size`` bytes."""
    data = text.encode()
    return list(parse(data[start : start + size] for start in range(0, len(data), size)))


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_events_whatever_the_pieces(size: int) -> None:
    text = ': ping\n\nevent: job\ndata: {"prompt": "für\u2028Elise"}\nid: 1\n\ndata:two\r\ndata: lines\r\n\r\nid: 2\n\n'
    assert events(text, size) == [
        None,
        Event("job", "1", '{"prompt": "für\u2028Elise"}'),
        Event("message", "", "two\nlines"),
    ]


def test_a_comment_is_told_of_at_once_and_ends_no_event() -> None:
    assert list(parse([b":\n"])) == [None]
    assert events("data: one\n: ping\ndata: event\n\n", 1000) == [None, Event("message", "", "one\nevent")]


def test_an_event_that_the_end_cuts_off_is_none() -> None:
    assert events("data: whole\n\ndata: cut", 1000) == [Event("message", "", "whole")]
    assert events("data: whole\n\ndata: cut\n", 1000) == [Event("message", "", "whole")]
