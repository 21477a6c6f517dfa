"""What the service may say: rules for every answer to a damaged file. Each broken rule is one line of text."""

import re
from collections.abc import Iterator
from typing import Any, Final

import httpx

from service.errors.problem import MEDIA_TYPE, TYPE_PREFIX

_FIELDS: Final = ("video",)
_FAULTS_OF_OURS: Final = ("internal", "worker_lost", "storage", "upload_missing", "out_of_memory", "canceled")
_LONGEST: Final = 300
_UNCLEAR: Final = re.compile(
    r"Traceback|\bFile \"|0x[0-9a-f]{4}|\b[A-Z]\w*(Error|Exception)\b|b'|\bNone\b|\bnan\b|__|<\w+|Errno|object at"
    r"|/(tmp|work|home|root|proc|usr|var|dev)\b|file:|\.py\b|returned \d|argument \d|keyword|patches welcome|\?\?"
)


def faults_of_detail(detail: object) -> Iterator[str]:
    """What keeps a detail from being one clear line for the person who sent the file."""
    if not isinstance(detail, str) or not detail.strip():
        yield f"there is no detail but {detail!r}"
        return
    if not detail.isprintable() or not detail.isascii():
        yield f"the detail is not one line of English: {detail!r}"
    if len(detail) > _LONGEST:
        yield f"the detail has {len(detail)} characters: {detail!r}"
    if found := _UNCLEAR.search(detail):
        yield f"the detail is not for people, it has {found[0]!r}: {detail!r}"


def faults_of_refusal(response: httpx.Response) -> Iterator[str]:
    """What is wrong with an answer that is neither 202 nor allowed to be anything but the refusal of a video."""
    if not 400 <= response.status_code < 500:
        yield f"status {response.status_code}: {response.text[:500]!r}"
        return
    if response.headers.get("content-type") != MEDIA_TYPE:
        yield f"status {response.status_code} has the type {response.headers.get('content-type')}"
        return
    problem: dict[str, Any] = response.json()
    kind = str(problem.get("type"))
    if not re.fullmatch(re.escape(TYPE_PREFIX) + "[a-z_]+", kind) or problem.get("status") != response.status_code:
        yield f"the problem's type is {kind}, its status {problem.get('status')}"
    detail, field = problem.get("detail"), problem.get("field")
    yield from faults_of_detail(detail)
    if field not in _FIELDS or not re.search("video|file", str(detail)):
        yield f"the detail names no field: {detail!r}, field {field!r}"


def faults_of_failure(job: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a job that says that it failed."""
    error: dict[str, Any] = job.get("error") or {}
    if error.get("code") in (*_FAULTS_OF_OURS, None):
        yield f"the job failed with the code {error.get('code')}: {error.get('detail')!r}"
    yield from faults_of_detail(error.get("detail"))
