"""`v2m up` with an audio model, as a person starts it: nothing is faked, the model is tiny and random."""

import io
import json
import signal
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.infra.settings import Settings
from model_core.media import video_packets_digest
from model_core.models.folder.manifest import MANIFEST
from tests.cli_up.conftest import Up
from tests.stable_audio.tiny_model import tiny_folder
from tests.video_factory import make_clip

DURATION_S = 5.0
LONGEST_S = 3.0
RATE = 44100


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model that is said to have learnt the curve, and makes less at once than the clip lasts."""
    folder = tiny_folder(tmp_path, longest_s=LONGEST_S)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["curve"]["trained"] = True
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


def post(client: httpx.Client, clip: Path, **options: object) -> str:
    with clip.open("rb") as video:
        form = {"prompt": "calm piano", "options": json.dumps({"steps": 4, **options})}
        answer = client.post("/v1/jobs", files={"video": video}, data=form)
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


def sound(wav: bytes) -> NDArray[np.int16]:
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getframerate(), file.getnchannels()) == (RATE, 2)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def test_sound_from_upload_to_download(
    start_up: Callable[..., Up], own_redis: Settings, model: Path, tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", duration=DURATION_S, fps=12, size=(64, 48), cuts=[1.7, 3.4], audio=True)
    options = ["up", "--port", "0", "--model", str(model), "--device", "cpu", "--look-ahead", "on"]
    up = start_up(own_redis, module="cli.main", options=options)
    with httpx.Client(base_url=up.url, timeout=60) as client:

        def content(job: dict[str, Any], variant: str) -> bytes:
            answer = client.get(job["content"][variant])
            assert answer.status_code == 200, answer.text
            return answer.content

        places = [post(client, clip), post(client, clip, negative_prompt="drums"), post(client, clip, redraws=1)]
        plain, without_drums, refused = (up.ended_job(client, place) for place in places)

        assert plain["status"] == "completed", plain["error"]
        assert plain["model"] == {
            "name": "tiny", "version": "0", "kind": "stable-audio-3", "licence": "CC0-1.0", "base": "base"
        }  # fmt: skip
        assert set(plain["content"]) == {"video", "audio", "curve", "report"}  # type: ignore[call-overload]
        missing = client.get(f"{places[0]}/content", params={"variant": "midi"})
        assert (missing.status_code, missing.json()["type"]) == (404, "urn:v2m-zero:problem:unknown_variant")
        scored = tmp_path / "scored.mp4"
        scored.write_bytes(content(plain, "video"))
        assert video_packets_digest(scored) == video_packets_digest(clip)
        report = json.loads(content(plain, "report"))
        assert (report["model"], report["prompt"]) == (plain["model"], "calm piano")
        assert report["music"]["follows_curve"] is True
        assert report["music"]["windows"] > 1, "the music is longer than what the model makes at once"
        assert report["options"]["steps"] == 4
        assert set(json.loads(content(plain, "curve"))) == {"video", "music"}
        music = sound(content(plain, "audio"))
        assert len(music) == 2 * DURATION_S * RATE
        assert music[-2 * RATE :].std() > 0, "it goes on to the end"

        assert without_drums["status"] == "completed", without_drums["error"]
        assert json.loads(content(without_drums, "report"))["options"]["negative_prompt"] == "drums"
        other = sound(content(without_drums, "audio"))
        assert len(other) == len(music)
        assert not np.array_equal(other, music), "the same seed and prompt, led away from something"

        assert refused["status"] == "failed"
        error: Any = refused["error"]
        assert (error["code"], error["field"]) == ("not_supported", "redraws")
        assert "tiny 0" in error["detail"]
    assert up.end(signal.SIGTERM) == 0
