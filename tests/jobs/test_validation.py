"""Validation errors become plain sentences."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from jobs.validation import field_name, sentence


class Example(BaseModel):
    """One field for each kind of error."""

    model_config = ConfigDict(extra="forbid")

    number: int = Field(default=5, ge=4, le=100)
    share: float = Field(default=0.5, ge=0, le=1)
    kind: Literal["a", "b"] = "a"
    text: str = Field(default="", max_length=3)
    flag: bool = False
    own: str = ""

    @field_validator("own")
    @classmethod
    def _check(cls, value: str) -> str:
        if value:
            raise ValueError("must be empty")
        return value


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"number": 3}, "number must be at least 4."),
        ({"number": 101}, "number must be at most 100."),
        ({"number": "many"}, "number must be an integer."),
        ({"number": 4.5}, "number must be an integer."),
        ({"share": 1.5}, "share must be at most 1."),
        ({"share": []}, "share must be a number."),
        ({"kind": "c"}, "kind must be 'a' or 'b'."),
        ({"text": "long"}, "text must have at most 3 characters."),
        ({"text": 1}, "text must be text."),
        ({"flag": "perhaps"}, "flag must be true or false."),
        ({"own": "x"}, "own must be empty."),
        ({"nmber": 1}, "nmber is not supported."),
    ],
)
def test_a_sentence_names_the_field_and_the_limit(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Example.model_validate(given)
    (error,) = caught.value.errors()
    assert sentence(field_name(error["loc"]), error) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{", "options must be valid JSON (EOF while parsing an object at line 1 column 1)."), ("[]", "options must be ")],
)
def test_text_that_is_not_a_json_object(text: str, expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Example.model_validate_json(text)
    (error,) = caught.value.errors()
    assert sentence("options", error).startswith(expected)


def test_an_unknown_kind_of_error_keeps_its_message() -> None:
    assert sentence("x", {"type": "new", "msg": "Input should be blue"}) == "x must be blue."
    assert sentence("x", {"type": "new", "msg": "Something else"}) == "x: Something else."


def test_a_field_name_skips_the_place() -> None:
    assert field_name(("body", "options", 0, "seed"), "body", "query") == "options.0.seed"
