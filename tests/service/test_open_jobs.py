"""So many jobs of one key may be open: told before the video is sent, and kept to when many come at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import httpx
import pytest
from redis import Redis

from jobs.infra.settings import OPEN_JOBS_PER_KEY
from jobs.queue import JobQueue, TooManyJobsError
from jobs.record import JobRecord
from jobs.repository import JobRecords
from model_core.options import ScoreOptions
from service.dependencies import Services
from service.middleware.job_limits import JobLimits
from tests.conftest import MakeSettings
from tests.service.conftest import Serve, assert_problem, complete, create, jobs_in, post, stored
from tests.service.keyring import ALICE, BOB, ENTRIES, bearer

AT_ONCE = 8


def test_a_key_has_only_so_many_open_jobs(
    serve: Serve, make_settings: MakeSettings, services: Services, redis: Redis, clip: Path
) -> None:
    settings = make_settings(api_keys=ENTRIES, max_open_jobs=2)
    client = serve(settings)
    client.headers.update(bearer(ALICE))
    first = create(client, clip)["id"]
    create(client, clip)
    before = stored(settings), sorted(jobs_in(redis))
    for path in ("/v1/jobs", "/v1/curves"):
        answer = client.post(path, content=bytes(10_000_000), headers={"Content-Type": "multipart/form-data"})
        assert assert_problem(answer, 429, "too_many_jobs")["limit"] == 2, "it is no form, which nobody looked at"
        assert int(answer.headers["retry-after"]) > 0
    assert (stored(settings), sorted(jobs_in(redis))) == before
    with httpx.Client(base_url=client.base_url, headers=bearer(BOB), timeout=60) as bob:
        create(bob, clip)
    complete(services, first)
    create(client, clip)


def test_a_key_has_a_limit_by_default_and_a_service_without_keys_has_none(
    redis: Redis, make_settings: MakeSettings
) -> None:
    """One key must not fill the queue; on one's own computer nothing is held back."""

    def submit(owner: str | None, **settings: object) -> None:
        chosen = make_settings(**settings)
        queue = JobQueue(redis, JobRecords(redis, chosen.record_retention_s), chosen)
        queue.submit(JobRecord.new("", ScoreOptions(), {}, owner=owner))

    for _ in range(OPEN_JOBS_PER_KEY):
        submit("alice", api_keys=ENTRIES)
    with pytest.raises(TooManyJobsError) as caught:
        submit("alice", api_keys=ENTRIES)
    assert caught.value.limit == OPEN_JOBS_PER_KEY
    submit("bob", api_keys=ENTRIES)
    for _ in range(OPEN_JOBS_PER_KEY + 1):
        submit(None)


@pytest.mark.parametrize("at", ["the store", "the queue"])
def test_a_refusal_after_the_video_has_come_leaves_no_file(
    serve: Serve, make_settings: MakeSettings, redis: Redis, clip: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    settings = make_settings(max_open_jobs=1, store_max_bytes=10**6)
    client = serve(settings)
    create(client, clip)
    before = stored(settings), sorted(jobs_in(redis)), redis.get("v2m:store:used")
    monkeypatch.setattr(JobLimits, "_check", lambda _self, _owner: None)
    if at == "the queue":
        real, asked = JobQueue.check_open, []

        def full_at_last(queue: JobQueue, owner: str | None) -> None:
            asked.append(owner)
            if len(asked) > 1:
                real(queue, owner)

        monkeypatch.setattr(JobQueue, "check_open", full_at_last)
    assert_problem(post(client, clip), 429, "too_many_jobs")
    assert (stored(settings), sorted(jobs_in(redis)), redis.get("v2m:store:used")) == before


@pytest.mark.parametrize("limit", [1, 3, AT_ONCE])
def test_of_many_that_come_at_once_as_many_as_may_are_taken(
    redis: Redis, make_settings: MakeSettings, limit: int
) -> None:
    settings = make_settings(max_open_jobs=limit)
    records = JobRecords(redis, settings.record_retention_s)
    queue = JobQueue(redis, records, settings)
    start = Barrier(AT_ONCE)

    def submit(_number: int) -> bool:
        record = JobRecord.new("", ScoreOptions(), {}, owner="alice")
        start.wait()
        try:
            queue.submit(record)
        except TooManyJobsError:
            return False
        return True

    with ThreadPoolExecutor(AT_ONCE) as threads:
        taken = [*threads.map(submit, range(AT_ONCE))]
    assert taken.count(True) == limit
    assert (records.count_open("alice"), len(queue.list_waiting())) == (limit, limit)
    queue.submit(JobRecord.new("", ScoreOptions(), {}, owner="bob"))
