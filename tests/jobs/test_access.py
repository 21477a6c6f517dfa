"""Access settings: keys, rates and origins, and their errors at the start."""

import pytest
from pydantic import ValidationError

from cli.terminal import settings_at_fault
from jobs.infra.access_settings import parse_keys, parse_origins, parse_rates
from jobs.infra.settings import Settings

ONE, TWO = "1" * 64, "ab" * 32


def test_keys_are_read() -> None:
    entries = parse_keys(f"a.B_c-9:{ONE}, a.B_c-9:{TWO.upper()}\n")
    assert [(entry.name, entry.digest.hex()) for entry in entries] == [("a.B_c-9", ONE), ("a.B_c-9", TWO)]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (f"a:{ONE},", 2),
        (f"a:{ONE},b:{TWO}0", 2),
        (f"a:{ONE},b:{TWO[1:]}", 2),
        (f"a:{ONE},b:{ONE}", 2),
        (ONE, 1),
        (f":{ONE}", 1),
        (f"{'n' * 65}:{ONE}", 1),
        (f"b c:{ONE}", 1),
        ("alice:v2m_c2VjcmV0", 1),
        (" ", 1),
    ],
)
def test_malformed_entry_is_named_by_its_number_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, text: str, number: int
) -> None:
    monkeypatch.setenv("V2M_API_KEYS", text)
    with pytest.raises(ValidationError) as refused:
        Settings()
    (line,) = settings_at_fault(refused.value)
    assert f"V2M_API_KEYS: entry {number} " in line
    for told in (line, str(refused.value), repr(refused.value)):
        assert not any(part in told for part in (ONE, TWO[1:], "c2VjcmV0"))


def test_settings_do_not_show_keys() -> None:
    assert ONE not in repr(Settings(api_keys=f"a:{ONE}"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("600/minute", [60]), ("600/minute;20/second", [1, 60]), ("5 per 2 hours, 9/day", [7200, 86400])],
)
def test_rates_are_read_the_shortest_first(text: str, seconds: list[int]) -> None:
    assert [rate.get_expiry() for rate in parse_rates(text)] == seconds


@pytest.mark.parametrize(
    "text", ["600", "many/minute", "0/minute", "5/fortnight", "1/second;", "100001/day", "-1/day", " "]
)
def test_malformed_rate_stops_the_start(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("V2M_RATE_LIMIT", text)
    with pytest.raises(ValidationError, match="V2M_RATE_LIMIT"):
        Settings()


def test_origins_are_read() -> None:
    assert parse_origins("https://A.example, http://localhost:5173") == ["https://a.example", "http://localhost:5173"]
    assert parse_origins("http://[::1]:81") == ["http://[::1]:81"]
    assert parse_origins("*") == ["*"]


@pytest.mark.parametrize(
    "text",
    [
        "a.example",
        "https://a.example/",
        "https://a.example/x",
        "*,https://a.example",
        "null",
        "ftp://a",
        "https://*.b",
        ",",
    ],
)
def test_malformed_origin_stops_the_start(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("V2M_CORS_ORIGINS", text)
    with pytest.raises(ValidationError, match="V2M_CORS_ORIGINS: entry"):
        Settings()
