"""What may be asked of a score."""

import pytest

from model_core.errors import InputError
from model_core.options import PROMPT_MAX_CHARS, check_prompt


@pytest.mark.parametrize("prompt", ["\ud800 hi", "caf\udce9"])
def test_a_prompt_that_is_no_text(prompt: str) -> None:
    with pytest.raises(InputError, match="prompt: contains text that is not valid Unicode") as refused:
        check_prompt(prompt)
    assert refused.value.code == "invalid_request"


def test_a_prompt_of_any_text() -> None:
    assert check_prompt(" \U0001f3b9 café ") == "\U0001f3b9 café"
    assert check_prompt("x" * PROMPT_MAX_CHARS) == "x" * PROMPT_MAX_CHARS
