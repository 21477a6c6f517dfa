"""What breaks on the way: uploads make one job, downloads go on where they broke, waits outlast a restart."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest

from jobs.infra.settings import Settings
from service.dependencies import Services
from tests.client.cutting_proxy import cutting
from tests.client.odd_server import Answer, odd_server
from tests.service.conftest import complete, serving
from v2m_client import ApiError, Client, Job, NoAnswerError

LARGE = bytes(range(256)) * 4096  # 1 MiB
QUEUED = b'{"id": "1", "status": "queued", "created_at": "2026-11-23T21:10:05Z"}'


class Clock:
    """What the client's patience takes for the time, in seconds; only pauses and tests move it."""

    def __init__(self) -> None:
        self.now = 0.0

    def pause(self, seconds: float) -> None:
        """As time.sleep, at once."""
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """In the place of the real one."""
    clock = Clock()
    monkeypatch.setattr("v2m_client.transport.monotonic", lambda: clock.now)
    monkeypatch.setattr("v2m_client.transport.sleep", clock.pause)
    return clock


@pytest.mark.parametrize("cut", [("up", 1000), ("down", 1), ("down", 300)])
def test_an_upload_that_broke_off_makes_one_job(cut: tuple[str, int], api: httpx.URL, clip: Path) -> None:
    """Before the API has all of it, before the answer, and within the answer."""
    with cutting(api.host, api.port or 0, cut, cut) as proxy, Client(proxy.url) as client:
        sent: list[int] = []
        made = client.submit(clip, "calm", on_sent=lambda now, _total: sent.append(now))
        assert proxy.connections == 3
        assert sent.count(clip.stat().st_size) == 3, "all of it was read again at each try"
        assert [job.id for job in client.jobs()] == [made.id]


def test_a_download_goes_on_where_it_broke(api: httpx.URL, services: Services, clip: Path, tmp_path: Path) -> None:
    with Client(str(api)) as client:
        made = client.submit(clip)
    complete(services, made.id, LARGE)
    cuts = ("down", 100), ("down", 300_000), ("down", 300_000)
    with cutting(api.host, api.port or 0, *cuts) as proxy, Client(proxy.url) as client:
        received: list[int] = []
        client.download(made.id, to=tmp_path / "out.mp4", on_received=lambda now, _total: received.append(now))
        assert (tmp_path / "out.mp4").read_bytes() == LARGE
        assert proxy.connections == 4
        assert received == sorted(received)
        assert proxy.down < len(LARGE) + 10_000, "nothing was sent twice but headers"


def test_a_file_that_changed_between_two_tries_comes_whole(tmp_path: Path) -> None:
    asked: list[tuple[str | None, str | None]] = []

    def answer(request: BaseHTTPRequestHandler) -> Answer:
        asked.append((request.headers["Range"], request.headers["If-Range"]))
        if len(asked) == 1:
            request.close_connection = True
            return 200, {"ETag": '"one"', "Content-Length": "1000"}, b"a" * 600
        return 200, {"ETag": '"two"'}, b"b" * 500

    with odd_server(answer) as url, Client(url) as client:
        client.download("1", to=tmp_path / "out")
    assert asked == [(None, None), ("bytes=600-", '"one"')]
    assert (tmp_path / "out").read_bytes() == b"b" * 500


def test_other_bytes_than_asked_for_are_refused(tmp_path: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> Answer:
        if request.headers["Range"] is None:
            request.close_connection = True
            return 200, {"ETag": '"one"', "Content-Length": "1000"}, b"a" * 600
        return 206, {"ETag": '"one"', "Content-Range": "bytes 500-999/1000"}, b"a" * 500

    with odd_server(answer) as url, Client(url) as client, pytest.raises(NoAnswerError, match="another range of bytes"):
        client.download("1", to=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def cut_at(ends: Callable[[int], int], clock: Clock) -> tuple[Callable[[BaseHTTPRequestHandler], Answer], list[int]]:
    """A server that knows no ranges; try ``n`` takes 100 s, and breaks at byte ``ends(n)`` of 1000. And its tries."""
    tries: list[int] = []

    def answer(request: BaseHTTPRequestHandler) -> Answer:
        request.close_connection = True
        tries.append(ends(len(tries) + 1))
        clock.now += 100
        return 200, {"Content-Length": "1000"}, LARGE[: tries[-1]]

    return answer, tries


def test_a_download_that_always_breaks_at_the_same_place_is_given_up(tmp_path: Path, clock: Clock) -> None:
    """Each try begins at byte 0 again: that bytes come is no sign that it will ever be over."""
    answer, tries = cut_at(lambda n: 600 if n < 50 else 1000, clock)
    with odd_server(answer) as url, Client(url) as client, pytest.raises(NoAnswerError):
        client.download("1", to=tmp_path / "out")
    assert tries == [600, 600]
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_comes_farther_each_time_is_not(tmp_path: Path, clock: Clock) -> None:
    answer, tries = cut_at(lambda n: min(300 * n, 1000), clock)
    with odd_server(answer) as url, Client(url) as client:
        client.download("1", to=tmp_path / "out")
    assert tries == [300, 600, 900, 1000]
    assert (tmp_path / "out").read_bytes() == LARGE[:1000]


def test_a_wait_outlasts_a_restart(
    settings: Settings, services: Services, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API is away at the first poll, and back during the second pause."""
    with serving(settings) as first:
        port = first.base_url.port or 0
        client = Client(str(first.base_url))
        made = client.submit(clip)
    pauses: list[float] = []
    seen: list[Job] = []
    with client, ExitStack() as ending:

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 2:
                complete(services, made.id)
                ending.enter_context(serving(settings, port))

        monkeypatch.setattr("v2m_client.transport.sleep", pause)
        client.wait(made.id, seen.append)
    assert len(pauses) == 2
    assert [job.status for job in seen] == ["completed"]


def test_events_go_on_after_a_cut(api: httpx.URL, services: Services, clip: Path) -> None:
    with Client(str(api)) as client:
        made = client.submit(clip)
    with cutting(api.host, api.port or 0, ("down", 100), ("down", 1500)) as proxy, Client(proxy.url) as client:
        seen = []
        for job in client.events(made.id):
            seen.append(job.status)
            if len(seen) == 1:
                complete(services, made.id)
        assert (seen[0], seen[-1]) == ("queued", "completed")
        assert proxy.connections == 3


def test_streams_that_lived_until_they_were_cut_are_followed_on(clock: Clock) -> None:
    """A job waits, and a proxy cuts each stream after some minutes, in which nothing came but comments."""
    cuts: list[str | None] = []

    def answer(request: BaseHTTPRequestHandler) -> Answer:
        cuts.append(request.headers["Last-Event-ID"])
        clock.now += 300
        if len(cuts) == 1:
            return 200, {}, b"event: job\nid: a\ndata: " + QUEUED + b"\n\n: ping\n\n"
        if len(cuts) < 5:
            return 200, {}, b": ping\n\n" * 20
        return 200, {}, b"event: job\nid: b\ndata: " + QUEUED.replace(b"queued", b"completed") + b"\n\n"

    with odd_server(answer) as url, Client(url) as client:
        assert [job.status for job in client.events("1")] == ["queued", "completed"]
    assert cuts == [None, "a", "a", "a", "a"]


@pytest.mark.parametrize("body", [b"", b"\n\n", b": pi", b"data: cut"])
def test_streams_that_end_at_once_are_given_up(body: bytes, clock: Clock) -> None:
    asked: list[float] = []

    def answer(_request: BaseHTTPRequestHandler) -> Answer:
        asked.append(clock.now)
        return (200, {}, body) if len(asked) < 100 else (204, {}, b"")

    with odd_server(answer) as url, Client(url) as client, pytest.raises(NoAnswerError):
        list(client.events("1"))
    assert 10 < len(asked) < 40
    assert 50 < asked[-1] <= 60


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, "rate_limited"), (503, "queue_full"), (507, "storage_full"), (409, "idempotency_key_in_use"), (502, "")],
)
def test_what_is_refused_for_now_is_asked_again_when_the_api_says(
    status: int, kind: str, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str | None] = []
    pauses: list[float] = []
    monkeypatch.setattr("v2m_client.transport.sleep", pauses.append)

    def answer(request: BaseHTTPRequestHandler) -> Answer:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1:
            return status, {"Retry-After": "7"}, json.dumps({"type": f"urn:v2m-zero:problem:{kind}"}).encode()
        return 202, {}, b'{"id": "1", "status": "queued", "created_at": "2026-11-23T21:10:05Z"}'

    with odd_server(answer) as url, Client(url) as client:
        assert client.submit(clip).id == "1"
    assert pauses == [7.0]
    assert keys[0]
    assert keys[0] == keys[1]


def test_a_wait_polls_at_the_pace_of_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("v2m_client.client.sleep", pauses.append)

    def answer(_request: BaseHTTPRequestHandler) -> Answer:
        job = {"id": "1", "created_at": "2026-11-23T21:10:05Z", "status": "completed" if len(pauses) == 2 else "queued"}
        return 200, {"Retry-After": "3"}, json.dumps(job).encode()

    with odd_server(answer) as url, Client(url) as client:
        assert client.wait("1").status == "completed"
    assert pauses == [3.0, 3.0]


def test_patience_ends(tmp_path: Path) -> None:
    with odd_server(lambda _request: (503, {"Retry-After": "1"}, b"")) as url, Client(url, patience_s=0.5) as client:
        for ask in (lambda: client.get("1"), lambda: client.download("1", to=tmp_path / "out")):
            with pytest.raises(ApiError) as given_up:
                ask()
            assert (given_up.value.status, given_up.value.retry_after_s) == (503, 1.0)


def test_nothing_waits_for_an_address_where_nothing_ever_answered() -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(NoAnswerError) as none:
        client.get("1")
    assert not none.value.is_passing


def test_a_deletion_whose_answer_got_lost_is_no_error(api: httpx.URL, clip: Path) -> None:
    with Client(str(api)) as client:
        made = client.submit(clip)
        with cutting(api.host, api.port or 0, ("down", 5)) as proxy, Client(proxy.url) as cut:
            cut.delete(made.id)
            assert proxy.connections == 2
        with pytest.raises(ApiError, match="No job"):
            client.get(made.id)


@pytest.mark.parametrize("status", [429, 507, 502, 503, 504])
def test_a_deletion_that_was_refused_for_now_has_removed_nothing(status: int, clock: Clock) -> None:
    """Unless whoever refused it cannot know that: what stood behind may have done it all the same."""
    asked: list[int] = []

    def answer(_request: BaseHTTPRequestHandler) -> Answer:
        asked.append(404 if asked else status)
        return asked[-1], {}, b'{"type": "urn:v2m-zero:problem:unknown_job"}'

    with odd_server(answer) as url, Client(url) as client:
        if status in (429, 507):
            with pytest.raises(ApiError) as refused:
                client.delete("1")
            assert (refused.value.status, refused.value.kind) == (404, "unknown_job")
        else:
            client.delete("1")
    assert asked == [status, 404]
    assert clock.now


def test_a_deletion_that_reached_nobody_at_first_has_removed_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as ending:
        with serving(settings) as first:
            client = ending.enter_context(Client(str(first.base_url)))
            assert list(client.jobs()) == []
            port = first.base_url.port or 0

        def start_again(_seconds: float) -> None:
            ending.enter_context(serving(settings, port))

        monkeypatch.setattr("v2m_client.transport.sleep", start_again)
        with pytest.raises(ApiError) as refused:
            client.delete("0" * 32)
    assert (refused.value.status, refused.value.kind) == (404, "unknown_job")
