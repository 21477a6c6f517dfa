"""Examples of request and response bodies, for the OpenAPI document."""

from collections.abc import Mapping
from typing import Any, Final

_ID: Final = "5b1f0c3e9d7a4c0f8a2e6d4b1c3f5a79"
_PATH: Final = f"/v1/jobs/{_ID}"
_OPTIONS: Final[dict[str, Any]] = {
    "seed": 7,
    "steps": None,
    "text_guidance": None,
    "curve_guidance": None,
    "negative_prompt": None,
    "sync": None,
    "redraws": None,
}
VIDEO: Final[dict[str, Any]] = {
    "duration": 10.0,
    "width": 640,
    "height": 272,
    "rotation": 0,
    "fps": 25.0,
    "variable_frame_rate": False,
    "video_codec": "h264",
    "audio_codec": "aac",
    "container": "mov,mp4,m4a,3gp,3g2,mj2",
    "frames": 250,
}
MODEL: Final[dict[str, Any]] = {
    "name": "v2m-embedded-1",
    "version": "1.0",
    "kind": "embedded-score",
    "licence": "MIT",
    "base": None,
}
JOB: Final[dict[str, Any]] = {
    "id": _ID,
    "kind": "score",
    "status": "queued",
    "stage": None,
    "progress": 0.0,
    "queue_position": 1,
    "eta_s": 41.0,
    "prompt": "bright strings and drums, hopeful",
    "options": _OPTIONS,
    "upload_sha256": "0c1d5e8a40f3f0a1f9a9cf2b6a2a6fd0c3e7a4b5d6f7889900aabbccddeeff11",
    "video": VIDEO,
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
"""A job that was just created."""
_RUNNING: Final = JOB | {
    "status": "in_progress",
    "stage": "generate",
    "progress": 0.45,
    "queue_position": None,
    "eta_s": 22.5,
    "model": MODEL,
    "started_at": "2026-11-23T21:10:06.500000Z",
}
COMPLETED_JOB: Final = _RUNNING | {
    "status": "completed",
    "stage": None,
    "progress": 1.0,
    "eta_s": None,
    "finished_at": "2026-11-23T21:10:46.259166Z",
    "content": {variant: f"{_PATH}/content?variant={variant}" for variant in ("video", "audio", "curve", "report")},
}
_CURVE: Final = JOB | {"kind": "curve", "prompt": "", "options": _OPTIONS | {"seed": 0}, "eta_s": 8.5}
_WEBHOOK: Final[dict[str, Any]] = {
    "url": "https://example.org/hooks/v2m",
    "attempts": 1,
    "delivered_at": "2026-11-23T21:10:47.012345Z",
    "given_up_at": None,
    "next_at": None,
    "last_status": 204,
    "last_error": None,
}
JOB_ENDED: Final[dict[str, Any]] = {
    "type": "job.completed",
    "timestamp": COMPLETED_JOB["finished_at"],
    "data": {
        "id": _ID,
        "kind": "score",
        "status": "completed",
        "error": None,
        "created_at": JOB["created_at"],
        "finished_at": COMPLETED_JOB["finished_at"],
        "expired_at": None,
        "job": _PATH,
        "content": COMPLETED_JOB["content"],
    },
}
_FORM: Final[dict[str, Any]] = {"video": "(the bytes of a file)", "webhook": _WEBHOOK["url"]}
_SIGNED: Final = "expires=1795853446&signature=2Yw5RlJ3W0b8cD1eF4gH7iJ0kL3mN6oP9qR2sT5uV8w"

SCHEMAS: Final[Mapping[str, dict[str, Any]]] = {
    "Health": {"status": "ok"},
    "JobEnded": JOB_ENDED,
    "JobEndedData": JOB_ENDED["data"],
    "JobError": {"code": "not_supported", "detail": "Remove the option.", "field": "options.sync"},
    "JobList": {"jobs": [COMPLETED_JOB], "next_cursor": None},
    "JobView": JOB,
    "LinksView": {
        "expires_at": "2026-11-23T22:10:46Z",
        "content": {"video": f"{_PATH}/content?variant=video&{_SIGNED}"},
        "events": f"{_PATH}/events?{_SIGNED}",
    },
    "ModelInfo": MODEL,
    "Problem": {
        "type": "urn:v2m-zero:problem:unknown_job",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no job with this id.",
    },
    "Readiness": {"status": "ready", "workers": 1},
    "ScoreOptions": {"seed": 7},
    "Webhook": _WEBHOOK,
}
"""One example of each schema."""

REQUESTS: Final[Mapping[str, dict[str, Any]]] = {
    "create_job": _FORM | {"prompt": JOB["prompt"], "options": {"seed": 7}},
    "create_curve": _FORM,
}
"""The form of each operation that has one."""

RESPONSES: Final[Mapping[tuple[str, str], object]] = {
    ("create_job", "202"): JOB,
    ("create_curve", "202"): _CURVE,
    ("get_job", "200"): _RUNNING,
    ("cancel_job", "202"): _RUNNING | {"cancel_requested": True},
}
"""The body of a response where the example of its schema would mislead, by operation and status."""
