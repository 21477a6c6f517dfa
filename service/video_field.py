"""The form field `video`: the uploaded file."""

from typing import Annotated

from fastapi import File, UploadFile
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError


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
