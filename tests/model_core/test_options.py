"""Prompts and options of a score."""

import pytest

from model_core.errors import InputError
from model_core.media.types import OUTPUT_SUFFIXES
from model_core.options import PROMPT_MAX_CHARS, ScoreOptions, check_prompt
from model_core.results import RESULTS, Variant

JOINED = "\u0646\u0627\u06cc\u200c\u0646\u06cc \U0001f468\u200d\U0001f3a4"
"""Persian and an emoji, which need their zero-width joiners."""


@pytest.mark.parametrize("prompt", ["\ud800 hi", "caf\udce9"])
def test_a_prompt_that_is_no_text(prompt: str) -> None:
    with pytest.raises(InputError, match="The prompt is not valid Unicode text") as refused:
        check_prompt(prompt)
    assert refused.value.code == "invalid_request"


@pytest.mark.parametrize(
    ("prompt", "cleaned"),
    [
        ("calm\x00 piano", "calm piano"),
        ("\x1b[31mred\x07", "[31mred"),
        ("\u202eonaip\u202c \u2066x\u2069", "onaip x"),
        ("\x85 \x00", ""),
        ("line one\n\tline two\r\n", "line one\n\tline two"),
        (JOINED, JOINED),
    ],
    ids=["NUL", "escape", "bidi", "only control characters", "newlines stay", "joiners stay"],
)
def test_control_characters_are_removed(prompt: str, cleaned: str) -> None:
    assert check_prompt(prompt) == cleaned
    negative_prompt = ScoreOptions(negative_prompt=prompt).negative_prompt
    assert negative_prompt is not None
    assert negative_prompt.strip() == cleaned


def test_a_prompt_of_any_text() -> None:
    assert check_prompt(" \U0001f3b9 café ") == "\U0001f3b9 café"
    assert check_prompt("x" * PROMPT_MAX_CHARS) == "x" * PROMPT_MAX_CHARS


def test_every_container_of_a_result_has_a_media_type() -> None:
    assert set(RESULTS[Variant.VIDEO].media_types) == set(OUTPUT_SUFFIXES)
    assert set(RESULTS) == set(Variant)
