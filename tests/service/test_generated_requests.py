"""Requests that schemathesis makes up from the OpenAPI document: no fault of ours, and no answer that it does not know.

``make test-api`` makes up many more of them.
"""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from jobs.infra.processes import record_heartbeat
from jobs.infra.settings import Settings
from jobs.record import JobRecord
from model_core.options import ScoreOptions
from service.app import create_app
from service.dependencies import Services
from tests.conftest import MakeSettings
from tests.service.conftest import complete, serving, start
from tests.service.errors.house import MAKING, ROUTES, V1
from tests.service.keyring import ALICE, BOB, ENTRIES, bearer

EXAMPLES: Final = int(os.environ.get("V2M_TEST_EXAMPLES", "0"))
"""So many of each kind at each route; 0 for few, and the same ones each time."""
FEW: Final = 30
FEW_OF_UPLOADS: Final = 20  # each is looked at in a process of its own
MOSTLY: Final = st.integers(0, 9).map(lambda number: number < 7)
CHECKS: Final[list[Any]] = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
STATES: Final[dict[str, Callable[[Services, str], object]]] = {
    "completed": complete,
    "queued": lambda _services, _job_id: None,
    "in_progress": start,
    "canceled": lambda services, job_id: services.queue.cancel(job_id),
}
EVENT: Final = {
    "type": "object",
    "required": ["event", "data", "id"],
    "properties": {
        "event": {"const": "job"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/JobView"},
        },
        "id": {"type": "string"},
    },
}
"""One event of the stream, in which schemathesis looks at each by itself. OpenAPI 3.1 has no place for it."""


@pytest.fixture
def settings_of_api(make_settings: MakeSettings) -> Settings:
    return make_settings(api_keys=ENTRIES, heartbeat_s=60, webhook_secret="whsec_" + "a" * 32)


def job(services: Services, state: str) -> str:
    """The id of a new job of Alice's in this state."""
    record = JobRecord.new("", ScoreOptions(), {}, owner="alice")
    with services.store.scratch.file(io.BytesIO(b"a video"), 100) as upload:
        services.store.put_upload(record.id, upload)
    services.queue.submit(record)
    STATES[state](services, record.id)
    return record.id


def with_sense(case: Case[Any], data: st.DataObject, services: Services, clip: Path) -> None:
    """What is made up mostly gets a job that there is, and a video that is one."""
    name = case.operation.definition.raw["operationId"]
    if "job_id" in (case.path_parameters or {}) and data.draw(MOSTLY):
        states = ["completed", "canceled"] if name == "follow_job" else [*STATES]  # the others' streams do not end
        case.path_parameters["job_id"] = job(services, data.draw(st.sampled_from(states)))
    if name in MAKING and isinstance(case.body, dict) and data.draw(MOSTLY):
        body: dict[str, Any] = case.body
        body["video"] = clip.read_bytes()


@pytest.mark.parametrize(
    ("name", "mode"),
    [(name, mode) for name in ROUTES for mode in GenerationMode if name in V1 or mode is GenerationMode.POSITIVE],
)
def test_requests_that_are_made_up(
    settings_of_api: Settings, services: Services, redis: Redis, clip: Path, name: str, mode: GenerationMode
) -> None:
    record_heartbeat(redis, "somebody")
    with serving(settings_of_api) as client, requests.Session() as session:
        document = create_app(services.settings).openapi()
        events = document["paths"]["/v1/jobs/{job_id}/events"]["get"]["responses"]["200"]["content"]
        events["text/event-stream"]["schema"] = EVENT
        for path in document["paths"].values():  # otherwise schemathesis replaces the key of the request
            for documented in path.values():
                documented.pop("security", None)
        operation = schemathesis.openapi.from_dict(document).find_operation_by_id(name)
        few = FEW_OF_UPLOADS if name in MAKING else FEW

        @settings(
            max_examples=EXAMPLES or few, derandomize=not EXAMPLES, database=None, deadline=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(data=st.data())
        def ask(data: st.DataObject) -> None:
            case: Case[Any] = data.draw(operation.as_strategy(generation_mode=mode))
            with_sense(case, data, services, clip)
            key = bearer(ALICE) if data.draw(MOSTLY) else data.draw(st.sampled_from([{}, bearer(BOB), bearer("no")]))
            case.call_and_validate(
                base_url=str(client.base_url).rstrip("/"), session=session, headers=key, checks=CHECKS, timeout=60
            )

        ask()
