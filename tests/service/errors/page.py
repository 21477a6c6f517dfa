"""docs/errors.md, made of the catalogue and of the cases. ``python -m tests.service.errors.page`` writes it."""

from http import HTTPStatus
from itertools import groupby
from typing import Final

from service.errors.catalog import CATALOG
from tests.processes import ROOT
from tests.service.errors import everywhere, jobs, keys, under_way, uploads
from tests.service.errors.house import MAKING, OF_JOBS, ROUTES, V1, Case

PAGE: Final = ROOT / "docs/errors.md"
CASES: Final = (*uploads.CASES, *under_way.CASES, *keys.CASES, *jobs.CASES, *everywhere.CASES)
_GROUPS: Final = {
    MAKING: "`POST /v1/jobs`, `POST /v1/curves`",
    everywhere.CHANGING: "all of `/v1` but GET",
    OF_JOBS: "all of `/v1/jobs/{id}`",
    V1: "all of `/v1`",
    tuple(ROUTES): "everything",
    ("",): "",
}
_HEAD: Final = """# Errors

<!-- Made by `make errors-page`; a test fails when it is out of date. -->

Every answer that is not a success is `application/problem+json`, as [api.md](api.md#errors) shows it. Programs should
look at `type`, which is `urn:v2m-zero:problem:` and one of the words below, or at `status`. A word never changes its
meaning; new ones may come, so treat one that you do not know by its status. Why a job failed after it was taken is told
by other words, those of its [`error.code`](api.md#follow-it).

Worth another try, the same request after `Retry-After`: 429, 503, 507, and 409 with that header. All others need
something changed.

A request that is refused costs nothing and leaves nothing: no job, no file, no use of its `Idempotency-Key`. There is
one exception, and it tells so: `unavailable` with a `job_id`, when Redis stopped answering while a job was queued.

"""
_BELOW: Final = """## Below the API

What is not HTTP never reaches the API: the server before it (uvicorn with h11) answers 400 in plain text to a request
line or a header that cannot be parsed, and to a head that has no end within 64 KiB, and ends the connection. Proxies in
front of it may answer 413, 502 or 504 in words of their own.

"""
_TABLE: Final = """## Which route answers what

A test drives the real API into every line of this table. It fails, too, when the OpenAPI document knows of an error
at a route that is not here.

| status | `type` | at | provoked by |
|---|---|---|---|
"""


def text() -> str:
    """The whole page."""
    return _HEAD + "".join(_sections()) + _BELOW + _TABLE + "".join(map(_row, sorted(CASES, key=_order)))


def _sections() -> list[str]:
    made = []
    for status, types in groupby(CATALOG.values(), key=lambda one: one.status):
        made.append(f"## {status} {HTTPStatus(status).phrase}\n\n| `type` | when | what to do |\n|---|---|---|\n")
        made += [f"| `{one.kind}` | {one.when} | {one.remedy} |\n" for one in types]
        made.append("\n")
    return made


def _order(case: Case) -> int:
    return [*CATALOG].index(case.kind)


def _row(case: Case) -> str:
    at = _GROUPS.get(case.routes) or ", ".join("`{} {}`".format(*ROUTES[one]) for one in case.routes if one)
    return f"| {CATALOG[case.kind].status} | `{case.kind}` | {at.replace('{job_id}', '{id}')} | {case.how} |\n"


if __name__ == "__main__":
    PAGE.write_text(text())
