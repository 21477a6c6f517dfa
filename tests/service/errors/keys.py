"""Idempotency keys, and no room for another job."""

import shutil
from typing import Final

import httpx

from jobs.idempotency import KeyLease
from tests.service.errors.house import MAKING, Case, House, Provoke

KEY: Final = {"Idempotency-Key": "a-key"}


def _key(value: str) -> Provoke:
    return lambda house, route: house.api().ask(route, headers={"Idempotency-Key": value})


def _in_use(house: House, route: str) -> httpx.Response:
    KeyLease(house.redis, None, "a-key", 60).acquire()
    return house.api().ask(route, headers=KEY)


def _reused(house: House, route: str) -> httpx.Response:
    api = house.api()
    (other,) = {*MAKING} - {route}
    assert api.ask(other, headers=KEY).status_code == 202
    return api.ask(route, headers=KEY)


def _gone(house: House, route: str) -> httpx.Response:
    api = house.api()
    made = api.ask(route, headers=KEY)
    assert api.ask("delete_job", made.json()["id"]).status_code == 204
    return api.ask(route, headers=KEY)


def _second(**settings: object) -> Provoke:
    def provoke(house: House, route: str) -> httpx.Response:
        api = house.api(**settings)
        assert api.ask(route).status_code == 202
        return api.ask(route)

    return provoke


def _broken_store(house: House, route: str) -> httpx.Response:
    api = house.api()
    shutil.rmtree(house.services.settings.state_dir / "store" / "scratch", ignore_errors=True)
    return api.ask(route)


CASES: Final = (
    Case("invalid_idempotency_key", "an empty key", MAKING, _key("")),
    Case("invalid_idempotency_key", "a key of 256 characters", MAKING, _key("k" * 256)),
    Case("idempotency_key_in_use", "while another request has the key", MAKING, _in_use),
    Case("idempotency_key_reused", "with the key of a job of the other kind", MAKING, _reused),
    Case("job_gone", "with the key of a job that was deleted", MAKING, _gone),
    Case("too_many_jobs", "over `V2M_MAX_OPEN_JOBS`", MAKING, _second(max_open_jobs=1)),
    Case("queue_full", "over `V2M_MAX_QUEUED`", MAKING, _second(max_queued=1)),
    Case("storage", "when the store's folder is gone", MAKING, _broken_store),
    Case("storage_full", "over `V2M_STORE_MAX_BYTES`", MAKING, lambda house, at: house.api(store_max_bytes=1).ask(at)),
    Case(
        *("storage_full", "less free than `V2M_MIN_FREE_BYTES`", MAKING),
        lambda house, route: house.api(min_free_bytes=10**18).ask(route),
    ),
)
