"""Videos and forms that are refused."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from model_core.media import MediaLimits
from model_core.options import PROMPT_MAX_CHARS
from service.uploads import create_job
from tests import video_factory
from tests.jobs.webhook_receiver import SECRET
from tests.service.errors.house import MAKING, Case, House, Provoke

SCORE: Final = ("create_job",)
FORM: Final = "multipart/form-data; boundary=edge"


def _file(make: Callable[[Path, Path], Path]) -> Provoke:
    def provoke(house: House, route: str) -> httpx.Response:
        return house.api().ask(route, video=make(house.folder / "upload.mp4", house.clip))

    return provoke


def _text(path: Path, _clip: Path) -> Path:
    path.write_bytes(b"no video at all, only words\n" * 50)
    return path


def _odd_codec(path: Path, _clip: Path) -> Path:
    return video_factory.make_clip(path.with_suffix(".avi"), duration=0.5, size=(64, 48), codec="ffvhuff")


def _costly(house: House, route: str) -> httpx.Response:
    house.monkeypatch.setattr(create_job, "MediaLimits", partial(MediaLimits, max_frames=3))
    return house.api().ask(route)


def _set(**settings: object) -> Provoke:
    return lambda house, route: house.api(**settings).ask(route)


def _form(**fields: str) -> Provoke:
    return lambda house, route: house.api().ask(route, form=fields)


def _two_files(house: House, route: str) -> httpx.Response:
    part = b'--edge\r\nContent-Disposition: form-data; name="video"; filename="a"\r\n\r\nx\r\n'
    return house.api().send(route, 2 * part + b"--edge--\r\n", FORM)


def _hook(url: str) -> Provoke:
    return lambda house, route: house.api(webhook_secret=SECRET).ask(route, form={"webhook": url})


CASES: Final = (
    Case("bad_request", "a form of nonsense", MAKING, lambda house, route: house.api().send(route, b"--other", FORM)),
    Case("bad_request", "a form with two files", MAKING, _two_files),
    Case("upload_too_large", "a file over `V2M_MAX_UPLOAD_BYTES`", MAKING, _set(max_upload_bytes=1000)),
    Case(
        *("unsupported_media_type", "JSON in the place of a form", MAKING),
        lambda house, route: house.api().send(route, b"{}", "application/json"),
    ),
    Case("not_a_video", "a text", MAKING, _file(_text)),
    Case("playlist", "a list of files for FFmpeg", MAKING, _file(video_factory.make_concat_playlist)),
    Case("playlist", "an HLS playlist", MAKING, _file(video_factory.make_hls_playlist)),
    Case(
        *("invalid_request", "a form without a video", MAKING),
        lambda house, route: house.api().send(route, b"--edge--\r\n", FORM),
    ),
    Case("unknown_field", "a form with the field `promt`", MAKING, _form(promt="calm")),
    Case("invalid_options", '`options={"steps": 3}`', SCORE, _form(options='{"steps": 3}')),
    Case("invalid_options", "`options` is no JSON", SCORE, _form(options="seed=7")),
    Case("too_long", f"a prompt of {PROMPT_MAX_CHARS + 1} characters", SCORE, _form(prompt="x" * 1001)),
    Case("too_long", "a video over `V2M_MAX_DURATION_S`", MAKING, _set(max_duration_s=0.5)),
    Case("empty_file", "a file of 0 bytes", MAKING, _file(lambda path, _: video_factory.make_empty(path))),
    Case("no_video_stream", "a song", MAKING, _file(lambda path, _: video_factory.make_sound_only(path))),
    Case(
        "no_frames",
        "a video track with nothing in it",
        MAKING,
        _file(lambda p, _: video_factory.make_without_pictures(p)),
    ),
    Case(
        "too_large_picture", "8000 by 8000 pixels", MAKING, _file(lambda path, _: video_factory.make_huge_picture(path))
    ),
    Case("codec", "FFmpeg's Huffyuv, which no container keeps", MAKING, _file(_odd_codec)),
    Case(
        "unreadable",
        "the first 60 % of an MP4",
        MAKING,
        _file(lambda p, clip: video_factory.make_truncated(p, clip, 0.6)),
    ),
    Case("budget", "more pictures than the limit, which was lowered", MAKING, _costly),
    Case("webhooks_off", "a webhook without `V2M_WEBHOOK_SECRET`", MAKING, _form(webhook="https://example.org")),
    Case("invalid_webhook", "a webhook into the private network", MAKING, _hook("https://10.0.0.1/hook")),
    Case("invalid_webhook", "a webhook over plain HTTP", MAKING, _hook("http://example.org/hook")),
)
