"""Settings from the environment."""

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from jobs.infra.settings import (
    DEFAULT_REDIS_URL,
    OPEN_JOBS_PER_KEY,
    Settings,
    default_state_dir,
    setting_errors,
    unknown_settings,
)


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


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("V2M_MAX_UPLOADS", "-1", "V2M_MAX_UPLOADS must be at least 1."),
        ("V2M_PORT", "many", "V2M_PORT must be an integer."),
        ("V2M_PORT", "70000", "V2M_PORT must be at most 65535."),
        ("V2M_MAX_DURATION_S", "0", "V2M_MAX_DURATION_S must be greater than 0."),
        ("V2M_DEVICE", "gpu", "V2M_DEVICE must be auto, cpu, cuda or cuda:NUMBER, such as cuda:1."),
        ("V2M_PRECISION", "x", "V2M_PRECISION must be 'auto', 'bfloat16' or 'float32'."),
        ("V2M_COMPILE", "perhaps", "V2M_COMPILE must be true or false."),
        ("V2M_API_KEYS", "x", "V2M_API_KEYS: entry 1 is not NAME:SHA256. Create one with `v2m key NAME`."),
    ],
)
def test_an_error_names_the_variable_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert setting_errors(caught.value) == [sentence]


@pytest.mark.parametrize("name", ["REDIS_URL", "V2M_REDIS_URL"])
def test_an_error_of_the_redis_url_names_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1")
    with pytest.raises(ValidationError) as caught:
        Settings()
    (line,) = setting_errors(caught.value)
    assert line.startswith(("REDIS_URL: ", "V2M_REDIS_URL: "))
    assert "redis://" in line


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("V2M_MAX_UPLOAD", "V2M_MAX_UPLOAD is not a setting. Did you mean V2M_MAX_UPLOADS?"),
        ("V2M_API_KEYZ", "V2M_API_KEYZ is not a setting. Did you mean V2M_API_KEYS?"),
        ("V2M_QQQQZ", "V2M_QQQQZ is not a setting. It is ignored."),
    ],
)
def test_an_unknown_variable_is_reported_with_the_most_similar_setting(name: str, warning: str) -> None:
    assert unknown_settings({name: "5", "PATH": "/bin"}) == {name: warning}


def test_known_and_empty_variables_are_not_reported() -> None:
    known = [f"V2M_{name.upper()}" for name in Settings.model_fields]
    others = ["V2M_URL", "V2M_API_KEY", "V2M_REDIS_URL", "REDIS_URL", "v2m_port"]
    assert unknown_settings(dict.fromkeys((*known, *others), "x") | {"V2M_TYPO": ""}) == {}


def test_every_setting_is_described() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_open_jobs_are_limited_where_there_are_keys() -> None:
    assert Settings().open_jobs_limit is None
    assert Settings(api_keys=f"a:{'1' * 64}").open_jobs_limit == OPEN_JOBS_PER_KEY
    assert Settings(api_keys=f"a:{'1' * 64}", max_open_jobs=100).open_jobs_limit == 100
    assert Settings(max_open_jobs=3).open_jobs_limit == 3
