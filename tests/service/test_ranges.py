"""Reading a Range header."""

import pytest

from service.downloads import parse_range
from service.errors.problem import Problem


@pytest.mark.parametrize(
    ("header", "size", "found"),
    [
        ("bytes=0-0", 10, (0, 1)),
        ("bytes=0-9", 10, (0, 10)),
        ("bytes=3-", 10, (3, 10)),
        ("bytes=3-99", 10, (3, 10)),
        ("bytes=-4", 10, (6, 10)),
        ("bytes=-99", 10, (0, 10)),
        ("Bytes = 1-2 ", 10, (1, 3)),
        ("lines=1-2", 10, None),
        ("nonsense", 10, None),
        ("bytes=0-1,3-4", 10, None),
    ],
)
def test_what_is_asked_for(header: str, size: int, found: tuple[int, int] | None) -> None:
    assert parse_range(header, size) == found


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-5", 0)])
def test_what_lies_outside(header: str, size: int) -> None:
    with pytest.raises(Problem) as raised:
        parse_range(header, size)
    assert (raised.value.status_code, raised.value.headers) == (416, {"Content-Range": f"bytes */{size}"})


@pytest.mark.parametrize("text", ["", "-", "a-b", "5-2", "1", "--1", "+1-2", "\u0661-2", "1-2-3", "9" * 5000 + "-"])
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(Problem) as raised:
        parse_range(f"bytes={text}", 10)
    assert raised.value.status_code == 400
