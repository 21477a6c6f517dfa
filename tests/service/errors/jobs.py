"""Jobs that are not there, or not in the state that a request needs."""

from contextlib import ExitStack
from typing import Final

import httpx

from service import events
from service.events import STREAMS_PER_JOB
from tests.service.conftest import create, start
from tests.service.errors.house import OF_JOBS, Api, Case, House, Provoke
from tests.service.keyring import ALICE, BOB, ENTRIES, bearer

CONTENT: Final = ("get_content",)


def _of_another(house: House, route: str) -> httpx.Response:
    api = house.api(api_keys=ENTRIES)
    made = api.ask("create_job", headers=bearer(ALICE))
    return api.ask(route, made.json()["id"], headers=bearer(BOB))


def _waiting(house: House, route: str) -> httpx.Response:
    api = house.api()
    return api.ask(route, str(create(api.client, house.clip)["id"]))


def _begun(house: House, route: str) -> httpx.Response:
    api = house.api()
    job_id = str(create(api.client, house.clip)["id"])
    start(house.services, job_id)
    return api.ask(route, job_id)


def _canceled(house: House, route: str) -> httpx.Response:
    api = house.api()
    job_id = str(create(api.client, house.clip)["id"])
    assert api.ask("cancel_job", job_id).json()["status"] == "canceled"
    return api.ask(route, job_id)


def _expired(house: House, route: str) -> httpx.Response:
    api = house.api()
    job_id = house.done(api)
    house.services.retention.expire(now=4e9)
    return api.ask(route, job_id)


def _lost(house: House, route: str) -> httpx.Response:
    api = house.api()
    job_id = house.done(api)
    house.services.store.remove_results(job_id)
    return api.ask(route, job_id)


def _done(headers: dict[str, str] | None = None, **params: str) -> Provoke:
    def provoke(house: House, route: str) -> httpx.Response:
        api: Api = house.api()
        return api.ask(route, house.done(api), headers=headers, params=params)

    return provoke


def _one_stream_more(house: House, route: str) -> httpx.Response:
    api = house.api()
    job_id = str(create(api.client, house.clip)["id"])
    with ExitStack() as streams:
        for _ in range(STREAMS_PER_JOB):
            streams.enter_context(api.client.stream("GET", f"/v1/jobs/{job_id}/events"))
        return api.ask(route, job_id)


def _no_stream(house: House, route: str) -> httpx.Response:
    house.monkeypatch.setattr(events, "max_streams", lambda: 0)
    api = house.api()
    return api.ask(route, house.done(api))


def _list(**params: str) -> Provoke:
    return lambda house, route: house.api().ask(route, params=params)


CASES: Final = (
    Case("unknown_job", "an id that no job has", OF_JOBS, lambda house, route: house.api().ask(route)),
    Case("unknown_job", "a job of another key", OF_JOBS, _of_another),
    Case("unknown_variant", "`variant=midi` of a job without notes", CONTENT, _done(variant="midi")),
    Case("invalid_request", "`variant=nonsense`", CONTENT, _done(variant="nonsense")),
    Case("malformed_range", "`Range: bytes=9-3`", CONTENT, _done({"Range": "bytes=9-3"})),
    Case("range_not_satisfiable", "`Range` after the file's end", CONTENT, _done({"Range": "bytes=1000000-"})),
    Case("not_completed", "a job that waits", CONTENT, _waiting),
    Case("not_completed", "a job in progress", CONTENT, _begun),
    Case("no_content", "a job that was canceled", CONTENT, _canceled),
    Case("expired", "a job whose files were removed", CONTENT, _expired),
    Case("storage", "a job whose files were lost", CONTENT, _lost),
    Case("already_over", "a completed job", ("cancel_job",), _done()),
    Case("in_progress", "a job in progress", ("delete_job",), _begun),
    Case("too_many_streams", f"{STREAMS_PER_JOB + 1} streams of one job", ("follow_job",), _one_stream_more),
    Case("streams_full", "more streams than the limit, which was lowered", ("follow_job",), _no_stream),
    Case("invalid_request", "`limit=0`", ("list_jobs",), _list(limit="0")),
    Case("invalid_cursor", "`cursor=nonsense`", ("list_jobs",), _list(cursor="nonsense")),
)
