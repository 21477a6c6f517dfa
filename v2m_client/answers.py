"""Parsing of response bodies into models."""

from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from v2m_client.errors import ApiError

AnswerT = TypeVar("AnswerT", bound=BaseModel)


def parse_body(kind: type[AnswerT], body: bytes | str, answer: httpx.Response) -> AnswerT:
    """The model in `body`. ApiError if the body does not fit, for example because the server is not this API."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        detail = f"{answer.url} sent an answer that this client does not understand. Is it the address of the API?"
        raise ApiError(answer.status_code, None, detail) from error
