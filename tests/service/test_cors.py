"""Pages of other origins may call the API, if the setting names them, and read its errors as well."""

from collections.abc import Mapping

import anyio
import httpx
import pytest

from service.app import create_app
from tests.conftest import MakeSettings
from tests.service.conftest import Serve, assert_problem
from tests.service.keyring import ALICE, ENTRIES, bearer

APP, OTHER = "https://app.example.com", "https://other.example.com"


def preflight(client: httpx.Client, origin: str = APP, **asks: str) -> httpx.Response:
    wanted = {"method": "POST", "headers": "authorization,content-type,idempotency-key,x-request-id"} | asks
    return client.options(
        "/v1/jobs",
        headers={"Origin": origin, **{f"Access-Control-Request-{name}": value for name, value in wanted.items()}},
    )


def allowed(headers: Mapping[str, str]) -> str | None:
    return headers.get("access-control-allow-origin")


@pytest.fixture
def client(serve: Serve, make_settings: MakeSettings) -> httpx.Client:
    origins = f"{APP}, http://localhost:5173"
    return serve(make_settings(api_keys=ENTRIES, cors_origins=origins, rate_limit="2/hour", max_upload_bytes=1))


def test_a_preflight_needs_no_key(client: httpx.Client) -> None:
    answer = preflight(client)
    assert (answer.status_code, allowed(answer.headers)) == (200, APP)
    assert "access-control-allow-credentials" not in answer.headers
    assert preflight(
        client, "http://localhost:5173", method="DELETE", headers="Range,Last-Event-ID,If-None-Match"
    ).is_success


def test_a_preflight_that_is_refused(client: httpx.Client) -> None:
    refused: list[tuple[str, dict[str, str]]] = [
        (OTHER, {}),
        (APP, {"method": "PATCH"}),
        (APP, {"headers": "X-Made-Up"}),
        ("null", {}),
    ]
    for origin, asks in refused:
        answer = preflight(client, origin, **asks)
        assert_problem(answer, 400, "cors_refused")
        assert allowed(answer.headers) == (APP if origin == APP else None)


def test_errors_can_be_read_as_well(client: httpx.Client) -> None:
    mine = {"Origin": APP, **bearer(ALICE)}
    answers = [
        client.get("/v1/jobs", headers={"Origin": APP}),
        client.post("/v1/jobs", content=bytes(2**21), headers=mine),
        client.get("/nowhere", headers=mine),
        client.get("/nowhere", headers=mine),
    ]
    assert [answer.status_code for answer in answers] == [401, 413, 404, 429]
    assert {allowed(answer.headers) for answer in answers} == {APP}
    assert all("Retry-After" in answer.headers["access-control-expose-headers"] for answer in answers)
    assert all("Origin" in answer.headers["vary"] for answer in answers)
    assert allowed(client.get("/v1/jobs", headers={"Origin": OTHER}).headers) is None


def test_so_can_a_fault_of_ours(make_settings: MakeSettings) -> None:
    app = create_app(make_settings(cors_origins="*"))

    @app.get("/fault")
    def fault() -> None:
        raise RuntimeError

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/fault", headers={"Origin": OTHER})

    answer = anyio.run(ask)
    assert_problem(answer, 500, "internal")
    assert (allowed(answer.headers), "x-request-id" in answer.headers) == ("*", True)


def test_without_the_setting_no_page_may(serve: Serve, make_settings: MakeSettings) -> None:
    client = serve(make_settings(api_keys=ENTRIES))
    assert_problem(preflight(client), 405, "method_not_allowed")
    assert allowed(client.get("/healthz", headers={"Origin": APP}).headers) is None
