"""Settings from the environment."""

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from jobs.infra.settings import DEFAULT_REDIS_URL, Settings, default_state_dir


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_URL", *(name for name in os.environ if name.startswith("V2M_"))):
        monkeypatch.delenv(name, raising=False)


def test_defaults_are_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")
    settings = Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.redis_url is None
    assert settings.redis == DEFAULT_REDIS_URL
    assert settings.state_dir == Path("/somewhere/v2m")
    assert settings.max_upload_bytes == 2 * 1024**3


def test_without_xdg_the_state_is_in_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert default_state_dir() == Path("/home/somebody/.local/state/v2m")


@pytest.mark.parametrize("name", ["REDIS_URL", "V2M_REDIS_URL"])
def test_environment_is_read(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "redis://elsewhere:1/2")
    monkeypatch.setenv("V2M_PORT", "81")
    assert (Settings().redis, Settings().port) == ("redis://elsewhere:1/2", 81)


def test_arguments_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("V2M_PORT", "81")
    assert Settings(port=82).port == 82


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "http://127.0.0.1"),
        ("REDIS_URL", "redis://127.0.0.1:many"),
        ("V2M_PORT", "70000"),
        ("V2M_MAX_UPLOAD_BYTES", "0"),
        ("V2M_DEVICE", "gpu"),
        ("V2M_DEVICE", "cuda:x"),
        ("V2M_PRECISION", "float16"),
        ("V2M_WINDOW_S", "0.5"),
        ("V2M_COMPILE", "perhaps"),
        ("V2M_LOOK_AHEAD", "always"),
    ],
)
def test_value_out_of_range_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()


def test_worker_counts_as_lost_after_six_missed_heartbeats() -> None:
    assert Settings(heartbeat_s=10).heartbeat_ttl_s == 60
    assert Settings(heartbeat_s=0.1).heartbeat_ttl_s == 2


def test_audio_model_settings_default_to_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = Settings()
    assert (chosen.device, chosen.precision, chosen.window_s, chosen.compile) == ("auto", "auto", None, False)
    for name, value in {
        "DEVICE": "cuda:1",
        "PRECISION": "float32",
        "WINDOW_S": "47.5",
        "COMPILE": "true",
        "LOOK_AHEAD": "on",
    }.items():
        monkeypatch.setenv(f"V2M_{name}", value)
    told = Settings()
    assert (told.device, told.precision, told.window_s, told.compile) == ("cuda:1", "float32", 47.5, True)
    assert told.look_ahead == "on"


@pytest.mark.parametrize(("look_ahead", "answers"), [("auto", [True, False]), ("on", [True] * 2), ("off", [False] * 2)])
def test_prefetch_follows_the_model_unless_it_is_set(look_ahead: Any, answers: list[bool]) -> None:
    settings = Settings(look_ahead=look_ahead)
    assert [settings.looks_ahead(by_itself) for by_itself in (True, False)] == answers
