"""What the OpenAPI document shows as examples."""

from typing import Any, Final

JOB: Final[dict[str, Any]] = {
    "id": "5b1f0c3e9d7a4c0f8a2e6d4b1c3f5a79",
    "kind": "score",
    "status": "queued",
    "stage": None,
    "progress": 0.0,
    "queue_position": 1,
    "eta_s": 41.0,
    "prompt": "bright strings and drums, hopeful",
    "options": {"seed": 7},
    "upload_sha256": "0c1d5e8a40f3f0a1f9a9cf2b6a2a6fd0c3e7a4b5d6f7889900aabbccddeeff11",
    "video": {"duration": 10.0, "width": 640, "height": 272, "fps": 25.0, "video_codec": "h264", "audio_codec": "aac"},
    "model": None,
    "error": None,
    "cancel_requested": False,
    "created_at": "2026-11-23T21:10:05.123456Z",
    "started_at": None,
    "finished_at": None,
    "expired_at": None,
    "webhook": None,
    "content": {},
}
