"""From the body of a success to what it says."""

from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from v2m_client.errors import ApiError

AnswerT = TypeVar("AnswerT", bound=BaseModel)


def read(kind: type[AnswerT], body: bytes | str, answer: httpx.Response) -> AnswerT:
    """What ``body`` says; ApiError when it is something else, as that of a server which is no API of ours."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        detail = f"{answer.url} answered something that this client does not understand."
        raise ApiError(answer.status_code, None, detail) from error
