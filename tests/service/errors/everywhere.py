"""What any route, or none, answers."""

from typing import Final

import httpx

from service.middleware import authentication
from tests.service.errors.house import MAKING, NOBODY, ROUTES, V1, Case, House, Provoke
from tests.service.keyring import ENTRIES, bearer

LINKED: Final = ("follow_job", "get_content")
CHANGING: Final = (*MAKING, "delete_job", "cancel_job", "make_links")
NOWHERE: Final = ("",)


def _unknown_key(house: House, route: str) -> httpx.Response:
    return house.api(api_keys=ENTRIES).ask(route, headers=bearer("v2m_unknown"))


def _old_link(house: House, route: str) -> httpx.Response:
    path = ROUTES[route][1].format(job_id=NOBODY)
    return house.api(api_keys=ENTRIES).client.get(house.links.make(path, "", expires=1))


def _changed_link(house: House, route: str) -> httpx.Response:
    path = ROUTES[route][1].format(job_id=NOBODY)
    link = house.links.make(path, "", expires=2**33)
    return house.api(api_keys=ENTRIES).client.get(link.replace("expires=", "expires=9"))


def _too_often(house: House, route: str) -> httpx.Response:
    api = house.api(rate_limit="1/hour")
    assert api.client.get("/nowhere").status_code in (404, 429), "at the second route it is one too many already"
    return api.ask(route)


def _fault(house: House, route: str) -> httpx.Response:
    def broken(_scope: object) -> bool:
        raise RuntimeError("secret")

    house.monkeypatch.setattr(authentication, "_is_open", broken)
    return house.api().ask(route)


def _no_redis(house: House, route: str) -> httpx.Response:
    return house.api(redis_url=f"unix://{house.folder}/nobody.sock").ask(route)


def _preflight(house: House, _route: str) -> httpx.Response:
    asks = {"Origin": "https://other.example.com", "Access-Control-Request-Method": "POST"}
    return house.api(cors_origins="https://app.example.com").client.options("/v1/jobs", headers=asks)


def _sent(**headers: str) -> Provoke:
    return lambda house, route: house.api().ask(route, headers=headers)


CASES: Final = (
    Case("unauthorized", "a key that is not known", V1, _unknown_key),
    Case("unauthorized", "a signed link that was changed", LINKED, _changed_link),
    Case("link_expired", "a signed link whose time is over", LINKED, _old_link),
    Case("cross_site", "without keys, from a page of another origin", CHANGING, _sent(Origin="http://evil.example")),
    Case("misdirected_request", "without keys, `Host: evil.example`", tuple(ROUTES), _sent(Host="evil.example")),
    Case("rate_limited", "over `V2M_RATE_LIMIT`", V1, _too_often),
    Case("internal", "a fault that was put in", tuple(ROUTES), _fault),
    Case("unavailable", "without Redis", V1, _no_redis),
    Case("not_ready", "without a worker", ("readyz",), lambda house, route: house.api().ask(route)),
    Case("not_found", "`GET /v1/nothing`", NOWHERE, lambda house, _: house.api().client.get("/v1/nothing")),
    Case("not_found", "`POST /v1/jobs/`, with a slash", NOWHERE, lambda house, _: house.api().client.post("/v1/jobs/")),
    Case("method_not_allowed", "`PUT /v1/jobs`", NOWHERE, lambda house, _: house.api().client.put("/v1/jobs")),
    Case("cors_refused", "a preflight of another origin", NOWHERE, _preflight),
)
