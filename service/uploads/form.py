"""The multipart form that creates a job: its fields, and the checks of its type and options."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, File, Form, Request, UploadFile
from pydantic import BeforeValidator, ValidationError
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.types import Scope

from jobs.record import JobKind, Webhook
from jobs.validation import field_name, sentence
from jobs.webhooks.addresses import MAX_URL, InvalidWebhookError, check_url
from model_core.options import ScoreOptions
from service.dependencies import ServicesDep
from service.errors.problem import FieldError
from service.errors.requests import InvalidOptions, InvalidWebhook, UnknownField, UnsupportedMediaType, WebhooksOff
from service.middleware.base import JobMiddleware

_CHARSETS: Final = (b"utf-8", b"utf8")


@dataclass(frozen=True)
class JobForm:
    """The fields of the form. Only the webhook is checked already. ``kind`` is the route's."""

    kind: JobKind
    video: UploadFile
    prompt: str = ""
    options: str | None = None
    webhook: Webhook | None = None


class RequireForm(JobMiddleware):
    """Rejects a request to create a job, before its body is read, unless it is a multipart form in UTF-8.

    A form may name any of Python's codecs as its charset, and some of them produce lone surrogates, which are not text.
    """

    async def check(self, scope: Scope) -> None:
        """See HttpMiddleware. Reads the header as the form's parser does."""
        kind, parameters = parse_options_header(Headers(scope=scope).get("content-type", ""))
        if kind != b"multipart/form-data":
            raise UnsupportedMediaType(f"The Content-Type must be multipart/form-data, not {_describe_type(kind)}.")
        charset = parameters.get(b"charset", _CHARSETS[0])
        if charset.lower() not in _CHARSETS:
            raise UnsupportedMediaType(
                f"The charset of the Content-Type must be utf-8, not {_describe_type(charset)}. Leave it out."
            )


def _describe_type(value: bytes) -> str:
    return value.decode("latin-1")[:100] or "empty"


def only(*fields: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that raises Problem 422 for a form field that is not one of ``fields``."""

    async def check(request: Request) -> None:
        for name in await request.form():
            if name not in fields:
                raise UnknownField(name, fields)

    return check


def parse_options(text: str | None) -> ScoreOptions:
    """The options from their JSON. Problem 422 that names every invalid option."""
    if not text or not text.strip():
        return ScoreOptions()
    try:
        return ScoreOptions.model_validate_json(text)
    except ValidationError as error:
        errors: list[FieldError] = []
        for one in error.errors():
            field = field_name(("options", *one["loc"]))
            errors.append({"field": field, "detail": sentence(field, one)})
        raise InvalidOptions(errors) from None


def _check_file(value: object) -> object:
    """The value itself. A field without a file name arrives as text."""
    if isinstance(value, str):
        raise PydanticCustomError("no_file", "must be a file: send this form field with a file name")
    return value


VideoField = Annotated[
    UploadFile,
    BeforeValidator(_check_file),
    File(description="The video file. Its name and its declared media type are ignored."),
]


# For the OpenAPI document only: `get_webhook` checks the URL and has better error messages.
_WEBHOOK_SCHEMA: Final[JsonDict] = {"format": "uri", "pattern": "^https?://", "maxLength": MAX_URL}
_WEBHOOK_EXAMPLE: Final = "https://example.org/hooks/v2m"


def get_webhook(
    services: ServicesDep,
    webhook: Annotated[
        str | None,
        Form(
            description="An `https` URL. The API sends an event to it when the job ends.",
            json_schema_extra=_WEBHOOK_SCHEMA,
            examples=[_WEBHOOK_EXAMPLE],
        ),
    ] = None,
) -> Webhook | None:
    """The webhook of the form, if it has one. 422 if the service has no webhook secret or refuses the URL."""
    if not webhook:
        return None
    if services.settings.webhook_secret is None:
        raise WebhooksOff
    try:
        return Webhook(url=check_url(webhook, private=services.settings.webhook_private))
    except InvalidWebhookError as error:
        raise InvalidWebhook(str(error), error.limit) from None


WebhookDep = Annotated[Webhook | None, Depends(get_webhook)]
