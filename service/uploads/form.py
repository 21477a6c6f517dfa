"""What a client sends to make a job: the form as it came, refused with the name of the field at fault."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from fastapi import Request, UploadFile
from pydantic import ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from jobs.record import JobKind, Webhook
from model_core.options import ScoreOptions
from service.admission import makes_a_job
from service.problems import Problem

_CHARSETS: Final = (b"utf-8", b"utf8")


@dataclass(frozen=True)
class JobForm:
    """The fields of the form; all but the webhook are not looked at yet. ``kind`` is the route's."""

    kind: JobKind
    video: UploadFile
    prompt: str = ""
    options: str | None = None
    webhook: Webhook | None = None


class OnlyForms:
    """Pure ASGI: 415, before the body is read, unless a request to make a job is a multipart form in UTF-8.

    A form may name any of Python's codecs as its charset, and some of them make what is no text: lone surrogates.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        fault = _fault(Headers(scope=scope).get("content-type", "")) if makes_a_job(scope) else None
        if fault is None:
            await self._app(scope, receive, send)
        else:
            problem = Problem(415, "unsupported_media_type", f"Content-Type: {fault}", field="Content-Type")
            await problem.response()(scope, receive, send)


def _fault(content_type: str) -> str | None:
    """What is wrong with it; read as the parser of the form reads it."""
    kind, parameters = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        return f"must be multipart/form-data, not {kind.decode('latin-1')[:100] or 'nothing'}"
    charset = parameters.get(b"charset", _CHARSETS[0])
    if charset.lower() not in _CHARSETS:
        return f"its charset must be utf-8, not {charset.decode('latin-1')[:100] or 'nothing'}; or leave it out"
    return None


def only(*fields: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency: 422 for a field of the form that is not one of ``fields``."""

    async def check(request: Request) -> None:
        for name in await request.form():
            if name not in fields:
                raise Problem(
                    422, "unknown_field", f"{name[:100]}: is not one of {', '.join(fields)}", field=name[:100]
                )

    return check


def parse_options(text: str | None) -> ScoreOptions:
    """The options from their JSON; 422 naming the option at fault."""
    if not text or not text.strip():
        return ScoreOptions()
    try:
        return ScoreOptions.model_validate_json(text)
    except ValidationError as error:
        errors = [
            {"field": ".".join(["options", *map(str, item["loc"])]), "detail": item["msg"]} for item in error.errors()
        ]
        first = errors[0]
        detail = f"{first['field']}: {first['detail']}"
        raise Problem(422, "invalid_options", detail, field=first["field"], errors=errors) from None
