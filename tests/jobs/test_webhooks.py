"""Webhooks from the end of a job to a real receiver, delivered at least once whatever fails."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import cast

import pytest
from redis import Redis
from standardwebhooks import WebhookVerificationError
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from cli.stack import RedisServer
from jobs.infra.redis_connection import connect, server_time
from jobs.infra.settings import Settings
from jobs.record import Artifact, JobError, JobRecord
from jobs.repository import WEBHOOKS_KEY, JobRecords
from jobs.webhooks.delivery import SCHEDULE_S
from jobs.webhooks.message import Signer
from jobs.webhooks.outbox import Outbox
from jobs.webhooks.sender import Deliverer
from model_core.results import Variant
from tests.jobs.webhook_receiver import (
    SECRET,
    Receiver,
    cancel_new_job,
    make,
    run_deliverer,
    run_receiver,
    status,
    webhook_of,
)
from tests.processes import ROOT, environment, until
from tests.worker.fake_scorer import MODEL

ERROR = JobError(code="no_frames", detail="holds no frame", field="video")


class Hanging:
    """An answer that waits until the test releases it."""

    def __init__(self) -> None:
        self.now_here = self.most = 0
        self.let_go = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        with self._lock:
            self.now_here += 1
            self.most = max(self.most, self.now_here)
        self.let_go.wait(60)
        with self._lock:
            self.now_here -= 1
        status(204)(handler)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with run_receiver() as one:
        yield one


@pytest.fixture
def records(redis: Redis) -> JobRecords:
    return JobRecords(redis, 100)


def until_outbox_is_empty(redis: Redis) -> None:
    until(lambda: not redis.exists(WEBHOOKS_KEY), "everything to be told")


def test_webhook_has_the_state_of_the_job(redis: Redis, records: JobRecords, receiver: Receiver) -> None:
    completed, failed, canceled = (make(redis, receiver.url()) for _ in range(3))
    files = {Variant.VIDEO: Artifact(name="video.mp4", bytes=3), Variant.MIDI: Artifact(name="x.mid", bytes=3)}
    records.complete(completed, records.start(completed, MODEL, "somebody"), files)
    records.fail(failed, ERROR)
    records.request_cancel(canceled)
    with run_deliverer(redis):
        until_outbox_is_empty(redis)
    events = {event["data"]["id"]: event for event in (request.verified() for request in receiver.received)}
    assert {job_id: event["type"] for job_id, event in events.items()} == {
        completed: "job.completed", failed: "job.failed", canceled: "job.canceled",
    }  # fmt: skip
    record = records.get(completed)
    assert record is not None
    assert events[completed]["data"] == {
        "id": completed,
        "kind": "score",
        "status": "completed",
        "error": None,
        "created_at": json_time(record.created_at),
        "finished_at": json_time(record.finished_at),
        "expired_at": None,
        "job": f"/v1/jobs/{completed}",
        "content": {name: f"/v1/jobs/{completed}/content?variant={name}" for name in ("video", "midi")},
    }
    assert events[completed]["timestamp"] == json_time(record.finished_at)
    assert events[failed]["data"]["error"] == {"code": "no_frames", "detail": "holds no frame", "field": "video"}
    assert (events[canceled]["data"]["error"], events[canceled]["data"]["content"]) == (None, {})
    assert len(receiver.received) == len(set(receiver.ids)) == 3


def json_time(time: datetime | None) -> str:
    assert time is not None
    return time.isoformat().replace("+00:00", "Z")


def test_failed_delivery_is_retried(redis: Redis, receiver: Receiver) -> None:
    job_id, results = cancel_new_job(redis, receiver.url()), list[str]()
    receiver.answers = [status(500), status(302, Location=receiver.url("/elsewhere")), status(200)]
    with capture_logs([merge_contextvars]) as events, run_deliverer(redis, results=results):
        until_outbox_is_empty(redis)
    assert [request.path for request in receiver.received] == ["/hook"] * 3
    assert len(set(receiver.ids)) == 1, "the receiver can tell that it is the same"
    assert [request.verified()["type"] for request in receiver.received] == ["job.canceled"] * 3
    found = webhook_of(redis, job_id)
    assert (found.attempts, found.last_status, found.last_error, found.given_up_at) == (3, 200, None, None)
    assert found.delivered_at is not None
    assert results == ["failed", "failed", "delivered"]
    assert [event["event"] for event in events] == ["webhook_failed", "webhook_failed", "webhook_delivered"]
    assert not any("/hook" in str(event) for event in events), "an address may hold a secret"


def test_delivery_is_given_up_after_the_last_attempt(redis: Redis, receiver: Receiver) -> None:
    job_id, results = cancel_new_job(redis, receiver.url()), list[str]()
    receiver.usual = status(503)
    with run_deliverer(redis, schedule_s=(0.0, 0.0), results=results):
        until_outbox_is_empty(redis)
    found = webhook_of(redis, job_id)
    assert (found.attempts, found.last_status, found.delivered_at, found.next_at) == (3, 503, None, None)
    assert found.given_up_at is not None
    assert (len(receiver.received), results) == (3, ["failed", "failed", "given_up"])


def test_410_ends_the_delivery(redis: Redis, receiver: Receiver) -> None:
    job_id = cancel_new_job(redis, receiver.url())
    receiver.usual = status(410)
    with run_deliverer(redis):
        until_outbox_is_empty(redis)
    found = webhook_of(redis, job_id)
    assert (found.attempts, found.last_status, len(receiver.received)) == (1, 410, 1)
    assert found.given_up_at is not None


def test_next_attempt_follows_the_schedule(redis: Redis, receiver: Receiver) -> None:
    assert sum(SCHEDULE_S) > 3 * 24 * 3600
    assert list(SCHEDULE_S) == sorted(SCHEDULE_S)
    job_id = cancel_new_job(redis, receiver.url())
    receiver.usual = status(500)
    with run_deliverer(redis, schedule_s=SCHEDULE_S):
        until(lambda: webhook_of(redis, job_id).attempts, "the first try")
        found = webhook_of(redis, job_id)
    assert found.next_at is not None
    assert redis.zcard(WEBHOOKS_KEY) == 1
    assert len(receiver.received) == 1


def test_two_deliverers_share_the_work(redis: Redis, receiver: Receiver) -> None:
    jobs = [cancel_new_job(redis, receiver.url(host=f"host{number}.example")) for number in range(20)]
    with run_deliverer(redis), run_deliverer(redis):
        until_outbox_is_empty(redis)
    assert Counter(receiver.ids) == {f"msg_{job_id}_canceled": 1 for job_id in jobs}


def test_process_killed_before_recording_the_attempt(redis: Redis, settings: Settings, receiver: Receiver) -> None:
    job_id = cancel_new_job(redis, receiver.url())
    process: subprocess.Popen[bytes]

    def kill(_handler: BaseHTTPRequestHandler) -> None:
        process.send_signal(signal.SIGKILL)
        process.wait()

    receiver.answers = [kill]
    command = [sys.executable, "-m", "tests.jobs.webhook_process"]
    with subprocess.Popen(command, cwd=ROOT, env=environment(settings)) as process:
        until(lambda: receiver.received and process.returncode, "the process to be killed by what it sent")
    assert (webhook_of(redis, job_id).attempts, redis.zcard(WEBHOOKS_KEY)) == (0, 1)
    with run_deliverer(redis):
        until_outbox_is_empty(redis)
    assert receiver.ids == [f"msg_{job_id}_canceled"] * 2
    assert webhook_of(redis, job_id).attempts == 1


def test_redis_down_before_recording_the_attempt(receiver: Receiver) -> None:
    with tempfile.TemporaryDirectory(prefix="v2m-") as folder:
        server = RedisServer(Path(folder))
        processes = [subprocess.Popen(server.command())]

        def kill_redis(handler: BaseHTTPRequestHandler) -> None:
            os.kill(processes[0].pid, signal.SIGKILL)
            processes[0].wait()
            status(200)(handler)

        receiver.answers = [kill_redis]
        try:
            with closing(connect(server.url)) as redis:
                until(server.socket.exists, "the server")
                job_id = cancel_new_job(redis, receiver.url())
                with capture_logs([merge_contextvars]) as events, run_deliverer(redis):
                    until(lambda: [e for e in events if e["event"] == "redis_awaited"], "it to miss Redis")
                    processes.append(subprocess.Popen(server.command()))
                    until_outbox_is_empty(redis)
                assert webhook_of(redis, job_id).delivered_at is not None
        finally:
            for process in processes:
                process.kill()
                process.wait()
    assert receiver.ids == [f"msg_{job_id}_canceled"]


def test_slow_host_gets_few_slots_and_delays_no_other(redis: Redis, receiver: Receiver) -> None:
    receiver.usual = hanging = Hanging()
    slow_ones = [cancel_new_job(redis, receiver.url("/slow", host="slow.example")) for _ in range(7)]
    with run_receiver() as other, run_deliverer(redis):
        until(lambda: hanging.now_here == 4, "four to hang")
        for _ in range(3):
            cancel_new_job(redis, other.url(host="fast.example"))
            until(lambda: len(other.received) == len(set(other.ids)) and redis.zcard(WEBHOOKS_KEY) == 7, "the fast one")
        assert len(other.received) == 3
        hanging.let_go.set()
        until_outbox_is_empty(redis)
    assert hanging.most == 4
    assert Counter(receiver.ids) == {f"msg_{job_id}_canceled": 1 for job_id in slow_ones}


@pytest.mark.parametrize(("theirs", "others"), [("alice", "bob"), (None, None)], ids=["keys", "no keys"])
def test_hanging_hosts_under_many_names_delay_their_own_caller_only(
    redis: Redis, receiver: Receiver, theirs: str | None, others: str | None
) -> None:
    receiver.usual = hanging = Hanging()
    jobs = [cancel_new_job(redis, receiver.url(host=f"any{number}.bad.example"), theirs) for number in range(40)]
    with run_receiver() as other, run_deliverer(redis):
        until(lambda: hanging.now_here == 8, "eight to hang")
        for _ in range(3):
            cancel_new_job(redis, other.url(host="hooks.good.example.org"), others)
        until(lambda: len(other.received) == 3, "the other caller's")
        assert hanging.now_here == 8
        hanging.let_go.set()
        until_outbox_is_empty(redis)
    assert hanging.most == 8
    assert Counter(receiver.ids) == {f"msg_{job_id}_canceled": 1 for job_id in jobs}


def test_large_backlog_of_a_hanging_host_delays_no_other(redis: Redis, receiver: Receiver) -> None:
    receiver.usual = hanging = Hanging()
    for _ in range(400):
        cancel_new_job(redis, receiver.url(), "alice")

    def latest_s() -> float:
        ((_, due),) = cast("list[tuple[bytes, float]]", redis.zrange(WEBHOOKS_KEY, 0, 0, desc=True, withscores=True))
        return due - server_time(redis)

    with run_receiver() as other, run_deliverer(redis, lease_s=4.0):
        cancel_new_job(redis, other.url(host="good.example"), "bob")
        until(lambda: other.received, "the one behind all of them")
        until(lambda: latest_s() > 6, "them to be put off for long; a few of them wait three seconds at most")
        hanging.let_go.set()


def test_released_slot_is_used_at_once(redis: Redis, receiver: Receiver) -> None:
    receiver.usual = hanging = Hanging()
    hosts = [f"one{number}.example{number}.org" for number in range(32)]
    for host in hosts:
        cancel_new_job(redis, receiver.url(host=host))
    with run_deliverer(redis, poll_s=600.0):
        until(lambda: hanging.now_here == 32, "all places to be taken")
        cancel_new_job(redis, receiver.url(host="late.example"))
        hanging.let_go.set()
        until_outbox_is_empty(redis)
    assert len(receiver.received) == 33


def test_no_error_ends_it(redis: Redis, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    claim, failed = Outbox.lease_due, threading.Event()

    def flaky(outbox: Outbox, limit: int) -> list[str]:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("can't start new thread")
        return claim(outbox, limit)

    monkeypatch.setattr(Outbox, "lease_due", flaky)
    with capture_logs() as events, run_deliverer(redis):
        until(failed.is_set, "it to fail")
        cancel_new_job(redis, receiver.url())
        until_outbox_is_empty(redis)
    assert len(receiver.received) == 1
    assert [event["log_level"] for event in events if event["event"] == "webhooks_broken"] == ["error"]


def test_stop_of_a_broken_deliverer_is_logged(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = threading.Event()

    async def breaks(_: Deliverer) -> None:
        broken.set()
        raise RuntimeError("secret")

    monkeypatch.setattr(Deliverer, "_run", breaks)
    with capture_logs() as events, run_deliverer(redis) as deliverer:
        until(broken.is_set, "it to break")
        deliverer.stop()
    assert [event["event"] for event in events] == ["webhooks_broken"]
    assert not [thread for thread in threading.enumerate() if thread.name == "webhooks"]


def test_each_key_has_its_own_secret(redis: Redis, receiver: Receiver) -> None:
    jobs = {owner: cancel_new_job(redis, receiver.url(), owner) for owner in ("alice", "bob", None)}
    with run_deliverer(redis):
        until_outbox_is_empty(redis)
    (alices,), (bobs,) = (Signer(SECRET).secrets(owner) for owner in ("alice", "bob"))
    of = {request.id: request for request in receiver.received}
    for owner, secret in (("alice", alices), ("bob", bobs), (None, SECRET)):
        request = of[f"msg_{jobs[owner]}_canceled"]
        assert request.verified(secret)["data"]["id"] == jobs[owner]
        for other in {alices, bobs, SECRET} - {secret}:
            with pytest.raises(WebhookVerificationError):
                request.verified(other)


def test_webhook_of_a_deleted_job_is_dropped(redis: Redis, records: JobRecords, receiver: Receiver) -> None:
    gone, other, results = cancel_new_job(redis, receiver.url()), cancel_new_job(redis, receiver.url()), list[str]()
    redis.delete(records.key(gone))  # as Redis does it when the record's retention is over
    with capture_logs([merge_contextvars]) as events, run_deliverer(redis, results=results):
        until_outbox_is_empty(redis)
    assert receiver.ids == [f"msg_{other}_canceled"]
    assert sorted(results) == ["delivered", "dropped"]
    assert [event["job_id"] for event in events if event["event"] == "webhook_dropped"] == [gone]


def test_unreadable_record_delays_no_other(redis: Redis, records: JobRecords, receiver: Receiver) -> None:
    broken, other = cancel_new_job(redis, receiver.url()), cancel_new_job(redis, receiver.url())
    redis.hset(records.key(broken), "created_at", '"never"')
    redis.zadd(WEBHOOKS_KEY, {"../../etc": 1.0})
    with capture_logs([merge_contextvars]) as events, run_deliverer(redis):
        until(lambda: receiver.received, "the other one")
    assert receiver.ids == [f"msg_{other}_canceled"]
    assert [event["job_id"] for event in events if event["event"] == "webhook_broken"] == ["../../etc", broken]


def test_internal_error_counts_as_an_attempt(redis: Redis, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_record: JobRecord, _base_url: str) -> str:
        raise RuntimeError("secret")

    monkeypatch.setattr("jobs.webhooks.delivery.build_message", broken)
    job_id = cancel_new_job(redis, receiver.url())
    with run_deliverer(redis, schedule_s=(0.0,)):
        until_outbox_is_empty(redis)
    found = webhook_of(redis, job_id)
    assert (found.attempts, found.last_error, found.given_up_at is None) == (2, "an internal error", False)


def test_stop_waits_for_running_deliveries(redis: Redis, receiver: Receiver) -> None:
    job_id, answered = cancel_new_job(redis, receiver.url()), threading.Event()

    def late(handler: BaseHTTPRequestHandler) -> None:
        answered.wait(60)
        status(204)(handler)

    receiver.usual = late
    with run_deliverer(redis) as deliverer:
        until(lambda: receiver.received, "the request")
        stopper = threading.Thread(target=deliverer.stop)
        stopper.start()
        answered.set()
        stopper.join()
    assert webhook_of(redis, job_id).delivered_at is not None


def test_stop_cuts_off_hanging_deliveries(redis: Redis, receiver: Receiver) -> None:
    job_id, over = cancel_new_job(redis, receiver.url()), threading.Event()

    def hang(_handler: BaseHTTPRequestHandler) -> None:
        over.wait(60)

    receiver.usual = hang
    with run_deliverer(redis) as deliverer:
        until(lambda: receiver.received, "the request")
        deliverer.stop()
        over.set()
    assert (webhook_of(redis, job_id).attempts, redis.zcard(WEBHOOKS_KEY)) == (0, 1), "and it is sent again later"


def test_delivery_continues_after_an_outage_of_redis(redis: Redis, receiver: Receiver) -> None:
    with capture_logs([merge_contextvars]) as events, run_deliverer(redis):
        redis.set(WEBHOOKS_KEY, "a value of another type: every claim fails")
        until(lambda: [e for e in events if e["event"] == "webhooks_without_redis"], "it to fail")
        redis.delete(WEBHOOKS_KEY)
        cancel_new_job(redis, receiver.url())
        until(lambda: receiver.received, "it to go on")
        until_outbox_is_empty(redis)
