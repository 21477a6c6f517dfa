"""Plain sentences for pydantic's validation errors, as the API and the command line show them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_OPENINGS: Final = (("Input should be ", "must be "), ("String should ", "must "), ("Value should ", "must "))
_BY_TYPE: Final = {
    "missing": "is required",
    "extra_forbidden": "is not supported",
    "json_invalid": "must be valid JSON ({error})",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be an integer",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "finite_number": "must be a finite number",
}
_UPLOAD_EXPECTED: Final = re.compile(r"Expected UploadFile")


def describe(error: Mapping[str, Any]) -> str:
    """One entry of ``ValidationError.errors()`` without the field's name, such as ``must be at least 4``.

    The message of a validator of this project is returned as it is.
    """
    kind = error["type"]
    context = {name: f"{one:g}" if isinstance(one, float) else one for name, one in (error.get("ctx") or {}).items()}
    if kind in _BY_TYPE:
        return _BY_TYPE[kind].format_map(context)
    message = str(error["msg"]).removeprefix("Value error, ")
    if _UPLOAD_EXPECTED.match(message):
        return "must be a file, not text"
    for opening, plain in _OPENINGS:
        if message.startswith(opening):
            return plain + message.removeprefix(opening)
    return message


def sentence(name: str, error: Mapping[str, Any]) -> str:
    """The same as a sentence that begins with the field's name."""
    text = describe(error)
    if text.split(" ", 1)[0] in ("must", "is", "holds"):
        text = f"{name} {text}"
    elif name not in text:
        text = f"{name}: {text}"
    return text if text.endswith((".", "?", "!")) else f"{text}."


def field_name(location: Sequence[int | str], *skipped: str) -> str:
    """The parts of a location, joined by dots, without ``skipped`` ones such as ``body``."""
    return ".".join(str(part) for part in location if part not in skipped)
