"""Every bad input is a 4xx problem that names the cause, and leaves no job and no file."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from redis import Redis

from jobs.infra.settings import Settings
from model_core.options import PROMPT_MAX_CHARS
from tests import video_factory
from tests.conftest import MakeSettings
from tests.service.conftest import Serve, assert_problem, jobs_in, post, stored


@pytest.fixture(autouse=True)
def _nothing_is_left(redis: Redis, settings: Settings) -> Iterator[None]:
    yield
    assert jobs_in(redis) == []
    assert stored(settings) == []
    assert list((settings.state_dir / "store" / "jobs").iterdir()) == []


def make_text(path: Path, _clip: Path) -> Path:
    path.write_bytes(b"no video at all, only words\n" * 50)
    return path


BAD_FILES = {
    "text": (make_text, 415, "not_a_video"),
    "empty": (lambda path, _clip: video_factory.make_empty(path), 422, "empty_file"),
    "concat playlist": (video_factory.make_concat_playlist, 415, "playlist"),
    "hls playlist": (video_factory.make_hls_playlist, 415, "playlist"),
    "audio only": (lambda path, _clip: video_factory.make_sound_only(path), 422, "no_video_stream"),
    "no frames": (lambda path, _clip: video_factory.make_without_pictures(path), 422, "no_frames"),
    "huge picture": (lambda path, _clip: video_factory.make_huge_picture(path), 422, "too_large_picture"),
    "truncated": (lambda path, clip: video_factory.make_truncated(path, clip, 0.6), 422, "unreadable"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_cannot_be_scored(client: httpx.Client, tmp_path: Path, clip: Path, case: str) -> None:
    make, status, kind = BAD_FILES[case]
    body = assert_problem(post(client, make(tmp_path / "upload.mp4", clip)), status, kind)
    assert body["field"] == "video"
    assert "video" in body["detail"] or "file" in body["detail"]
    assert body["detail"].endswith(".")
    assert str(tmp_path) not in body["detail"]


def test_a_video_over_the_duration(serve: Serve, make_settings: MakeSettings, clip: Path) -> None:
    body = assert_problem(post(serve(make_settings(max_duration_s=0.5)), clip), 422, "too_long")
    assert (body["field"], body["limit"]) == ("video", 0.5)


def test_a_prompt_over_the_limit(client: httpx.Client, clip: Path) -> None:
    body = assert_problem(post(client, clip, prompt="x" * (PROMPT_MAX_CHARS + 1)), 422, "too_long")
    assert (body["field"], body["limit"]) == ("prompt", PROMPT_MAX_CHARS)
    assert str(PROMPT_MAX_CHARS) in body["detail"]


@pytest.mark.parametrize("size", [1001, 3_000_000])
def test_an_upload_over_the_limit(serve: Serve, make_settings: MakeSettings, size: int) -> None:
    client = serve(make_settings(max_upload_bytes=1000))
    body = assert_problem(client.post("/v1/jobs", files={"video": b"x" * size}), 413, "upload_too_large")
    assert (body["field"], body["limit"]) == ("video", 1000)


def test_an_upload_of_unknown_length_over_the_limit(serve: Serve, make_settings: MakeSettings) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'--edge\r\nContent-Disposition: form-data; name="video"; filename="a"\r\n\r\n'
        for _ in range(48):
            yield b"x" * 65536
        yield b"\r\n--edge--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    answer = serve(make_settings(max_upload_bytes=1000)).post("/v1/jobs", content=chunks(), headers=headers)
    assert assert_problem(answer, 413, "upload_too_large")["limit"] == 1000


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ("{", "options"),
        ("[]", "options"),
        ('{"steps": 3}', "options.steps"),
        ('{"steps": "many"}', "options.steps"),
        ('{"sede": 1}', "options.sede"),
    ],
)
def test_options_that_cannot_be_used(client: httpx.Client, clip: Path, options: str, field: str) -> None:
    body = assert_problem(post(client, clip, options=options), 422, "invalid_options")
    assert body["field"] == field
    assert body["detail"].startswith(f"{field} ")


def test_a_field_that_is_not_known(client: httpx.Client, clip: Path) -> None:
    assert assert_problem(post(client, clip, promt="calm"), 422, "unknown_field")["field"] == "promt"


def test_a_form_without_a_video(client: httpx.Client) -> None:
    body = assert_problem(client.post("/v1/jobs", files={"prompt": (None, "calm")}), 422, "invalid_request")
    assert (body["field"], body["detail"]) == ("video", "video is required.")


def test_a_video_that_is_no_file(client: httpx.Client) -> None:
    body = assert_problem(client.post("/v1/jobs", files={"video": (None, "just words")}), 422, "invalid_request")
    assert (body["field"], body["detail"]) == ("video", "video must be a file: send this form field with a file name.")
    assert body["errors"] == [{"field": "video", "detail": body["detail"]}]


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "video/mp4"])
def test_another_content_type(client: httpx.Client, kind: str) -> None:
    answer = client.post("/v1/jobs", content=b"{}", headers={"Content-Type": kind})
    assert assert_problem(answer, 415, "unsupported_media_type")["field"] == "Content-Type"


@pytest.mark.parametrize("charset", ["unicode_escape", "utf-7", "utf-16", "no-such", "hex", '""', "utf-8-sig"])
def test_a_form_in_another_charset(client: httpx.Client, clip: Path, charset: str) -> None:
    answer = client.send(form_in(client, charset, rb"\ud800 hi +2AA-", clip))
    assert assert_problem(answer, 415, "unsupported_media_type")["field"] == "Content-Type"
    assert "utf-8" in answer.json()["detail"]


def form_in(client: httpx.Client, charset: str, prompt: bytes, clip: Path) -> httpx.Request:
    """A form that says which charset it is in."""
    files = {"video": ("a", clip.read_bytes()), "prompt": (None, prompt)}
    form = client.build_request("POST", "/v1/jobs", files=files)
    form.headers["Content-Type"] += f"; charset={charset}"
    return form


def test_a_form_that_cannot_be_parsed(client: httpx.Client) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    assert_problem(client.post("/v1/jobs", content=b"--other\r\nnonsense", headers=headers), 400, "bad_request")


def test_two_videos(client: httpx.Client, clip: Path) -> None:
    twice = [("video", ("a.mp4", clip.read_bytes())), ("video", ("b.mp4", clip.read_bytes()))]
    assert_problem(client.post("/v1/jobs", files=twice), 400, "bad_request")


def test_a_database_that_does_not_answer(
    serve: Serve, settings: Settings, make_settings: MakeSettings, tmp_path: Path, clip: Path
) -> None:
    client = serve(make_settings(redis_url=f"unix://{tmp_path}/nobody.sock"))
    answer = post(client, clip)
    assert_problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("PUT", "/v1/jobs", 405, "method_not_allowed"),
        ("GET", "/v1/jobs/" + "0" * 32, 404, "unknown_job"),
        ("GET", "/v1/jobs/..%2f..%2fetc%2fpasswd", 404, "not_found"),
        ("GET", "/v1/jobs/nonsense", 404, "unknown_job"),
        ("GET", "/v1/jobs/" + "0" * 32 + "/content", 404, "unknown_job"),
        ("GET", "/v1/jobs/x/content", 404, "unknown_job"),
    ],
)
def test_paths_that_lead_nowhere(client: httpx.Client, method: str, path: str, status: int, kind: str) -> None:
    assert_problem(client.request(method, path), status, kind)


@pytest.mark.parametrize("route", ["/v1/jobs", "/v1/curves"])
def test_a_video_that_is_sent_as_text(client: httpx.Client, route: str) -> None:
    body = assert_problem(client.post(route, files={"video": (None, "clip.mp4")}), 422, "invalid_request")
    assert body["field"] == "video"
    assert body["detail"] == "video must be a file: send this form field with a file name."
