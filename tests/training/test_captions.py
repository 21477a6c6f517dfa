"""Captions are varied, clean and true of their piece."""

import re

import numpy as np
import pytest

from model_core.codecs.score.header import STYLES
from model_core.training.caption_words import DRUM_WORDS, INSTRUMENT_WORDS, MAJOR_MOODS, MINOR_MOODS, NO_DRUM_WORDS
from model_core.training.captions import caption
from model_core.training.composer import Piece, compose


@pytest.fixture(scope="module")
def captioned() -> list[tuple[Piece, str]]:
    rng = np.random.default_rng(0)
    pieces = [compose(seed, STYLES[seed % len(STYLES)], 16) for seed in range(80)]
    return [(piece, caption(piece, rng)) for piece in pieces for _ in range(5)]


def _says(text: str, phrase: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", text) is not None


def test_they_are_clean_and_varied(captioned: list[tuple[Piece, str]]) -> None:
    texts = [text for _, text in captioned]
    assert all(texts)
    assert not [text for text in texts if ",," in text or ", ," in text or "  " in text or text != text.strip(" ,")]
    assert len(set(texts)) > 0.9 * len(texts)


def test_what_they_say_of_drums_and_mode_is_true(captioned: list[tuple[Piece, str]]) -> None:
    for piece, text in captioned:
        if any(_says(text, phrase) for phrase in NO_DRUM_WORDS):
            assert "drums" not in piece.header.parts
        elif any(_says(text, phrase) for phrase in DRUM_WORDS):
            assert "drums" in piece.header.parts
        wrong = MAJOR_MOODS if piece.header.minor else MINOR_MOODS
        told = [phrase for phrase in wrong if text.startswith(f"{phrase}, ")]
        assert not told


def test_tempo_is_told_as_it_is(captioned: list[tuple[Piece, str]]) -> None:
    told = [(piece, re.search(r"(\d+) bpm", text)) for piece, text in captioned]
    found = [(piece, match) for piece, match in told if match]
    assert len(found) > 20
    for piece, match in found:
        assert int(match[1]) == round(piece.header.bpm)


def test_every_program_has_a_name() -> None:
    programs = {p for seed in range(80) for r, p in compose(seed, None, 16).header.programs.items() if r != "drums"}
    assert programs <= set(INSTRUMENT_WORDS)
