"""Generator of docs/errors.md from the catalog and the cases: ``python -m tests.service.errors.page``."""

from http import HTTPStatus
from itertools import groupby
from typing import Final

from service.openapi.responses import CATALOG
from tests.processes import ROOT
from tests.service.errors import everywhere, jobs, keys, under_way, uploads
from tests.service.errors.house import MAKING, OF_JOBS, ROUTES, V1, Case

PAGE: Final = ROOT / "docs/errors.md"
CASES: Final = (*uploads.CASES, *under_way.CASES, *keys.CASES, *jobs.CASES, *everywhere.CASES)
_GROUPS: Final = {
    MAKING: "`POST /v1/jobs`, `POST /v1/curves`",
    everywhere.CHANGING: "all of `/v1` except GET",
    OF_JOBS: "all of `/v1/jobs/{id}`",
    V1: "all of `/v1`",
    tuple(ROUTES): "everything",
    ("",): "",
}
_HEAD: Final = """# Errors

<!-- Made by `make errors-page`; a test fails when it is out of date. -->

Every error response is `application/problem+json`; [api.md](api.md#errors) shows an example. Programs should use `type`
(`urn:v2m-zero:problem:` and one of the words below) or `status`. The meaning of a type never changes. New types may be
added, so treat an unknown type by its status. `title` and `detail` are for people, and their wording may change. A job
that fails later has an [`error.code`](api.md#failed-jobs) of its own list.

Retry after `Retry-After`: 429, 503, 507, and 409 if it has that header. For all other errors, change the request first.

A rejected request has no effect: no job, no file, and its `Idempotency-Key` stays free. There is one exception:
`unavailable` with a `job_id`. Redis stopped answering while the job was queued, so it may or may not exist.

"""
_BELOW: Final = """## Below the API

Malformed HTTP does not reach the API. The HTTP server (uvicorn with h11) answers 400 in plain text if the request line
or a header cannot be parsed, or if the header is longer than 64 KiB, and closes the connection. A proxy may answer 413,
502 or 504 with its own text.

"""
_TABLE: Final = """## Errors by route

A test provokes every line of this table with the real API. It also fails if the OpenAPI document lists an error that is
not in this table.

| status | `type` | route | cause |
|---|---|---|---|
"""


def text() -> str:
    """The whole page."""
    return _HEAD + "".join(_sections()) + _BELOW + _TABLE + "".join(map(_row, sorted(CASES, key=_order)))


def _sections() -> list[str]:
    sections = []
    for status, types in groupby(CATALOG.values(), key=lambda one: one.status):
        sections.append(f"## {status} {HTTPStatus(status).phrase}\n\n| `type` | cause | solution |\n|---|---|---|\n")
        sections += [f"| `{one.kind}` | {one.when} | {one.remedy} |\n" for one in types]
        sections.append("\n")
    return sections


def _order(case: Case) -> int:
    return [*CATALOG].index(case.kind)


def _row(case: Case) -> str:
    at = _GROUPS.get(case.routes) or ", ".join("`{} {}`".format(*ROUTES[one]) for one in case.routes if one)
    return f"| {CATALOG[case.kind].status} | `{case.kind}` | {at.replace('{job_id}', '{id}')} | {case.how} |\n"


if __name__ == "__main__":
    PAGE.write_text(text())
