"""Without keys no page that its user opens can use the service: not by a name, nor from an origin, of its own."""

import itertools
from pathlib import Path

import httpx
from redis import Redis

from tests.conftest import MakeSettings
from tests.service.conftest import Serve, assert_problem, create, jobs_in
from tests.service.keyring import ALICE, ENTRIES, bearer

EVIL = "http://evil.example"


def test_a_name_that_only_leads_here_is_refused(client: httpx.Client) -> None:
    names = ("evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost")
    for host in (*names, "10.0.0.1", "0.0.0.0:8000", "[::2]", "[::1", ""):
        for path in ("/v1/jobs", "/healthz", "/openapi.json", "/nowhere"):
            assert_problem(client.get(path, headers={"Host": host}), 421, "misdirected_request")


def test_the_names_of_this_machine_pass(client: httpx.Client) -> None:
    for host in ("localhost", "LocalHost:8000", "v2m.localhost", "127.0.0.1", "127.1.2.3:80", "[::1]:8000"):
        assert client.get("/v1/jobs", headers={"Host": host}).status_code == 200


def test_so_does_the_one_that_it_was_told_to_listen_on(serve: Serve, make_settings: MakeSettings) -> None:
    client = serve(make_settings(host="Studio.example"))
    assert client.get("/v1/jobs", headers={"Host": "studio.example:8000"}).status_code == 200


def test_a_page_of_another_origin_changes_nothing(client: httpx.Client, redis: Redis, clip: Path) -> None:
    origins = (EVIL, "null", "", "http://127.0.0.1")
    pages = [
        *({"Origin": origin, "Sec-Fetch-Site": "none"} for origin in origins),
        *({"Origin": one} for one in origins),
    ]
    pages += [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
    for sent in pages:
        with clip.open("rb") as video:
            assert_problem(client.post("/v1/jobs", files={"video": video}, headers=sent), 403, "cross_site")
    assert jobs_in(redis) == []
    path = f"/v1/jobs/{create(client, clip)['id']}"
    for sent in pages:
        for method, end in (("DELETE", ""), ("POST", "/cancel"), ("POST", "/links"), ("PUT", "")):
            assert_problem(client.request(method, path + end, headers=sent), 403, "cross_site")
        assert client.get(path, headers=sent).json()["status"] == "queued"


def test_pages_of_ours_and_of_the_setting_may(serve: Serve, make_settings: MakeSettings) -> None:
    app = "https://app.example.com"
    listed, all_of_them = (serve(make_settings(cors_origins=origins)) for origins in (app, "*"))
    own = str(listed.base_url).rstrip("/")
    for client, sent in (
        (listed, {"Origin": own, "Sec-Fetch-Site": "same-origin"}),
        (listed, {"Origin": own.replace("http:", "https:")}),
        (listed, {"Origin": app, "Sec-Fetch-Site": "cross-site"}),
        (listed, {"Sec-Fetch-Site": "none"}),
        (all_of_them, {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}),
        (all_of_them, {"Sec-Fetch-Site": "cross-site"}),
    ):
        assert client.post("/v1/jobs/unknown/cancel", headers=sent).status_code == 404, sent
    refused = listed.post("/v1/jobs/unknown/cancel", headers={"Origin": "https://app.example.com.evil.example"})
    assert_problem(refused, 403, "cross_site")


def test_with_keys_it_is_the_key_that_counts(serve: Serve, make_settings: MakeSettings) -> None:
    client = serve(make_settings(api_keys=ENTRIES))
    for host, origin in itertools.product(("v2m.example.com", "evil.example"), (EVIL, "null")):
        answer = client.post("/v1/jobs/unknown/cancel", headers={"Host": host, "Origin": origin, **bearer(ALICE)})
        assert_problem(answer, 404, "unknown_job")
