"""Tests of captions: they are varied, clean and true of their piece, and a seed gives the same ones."""

import hashlib
import re

import numpy as np
import pytest

from model_core.plan.plan import STYLES
from model_core.training.captions import caption
from model_core.training.captions.phrases import (
    HELD_OUT_SCENES,
    HELD_OUT_STYLES,
    INSTRUMENTS,
    MOODS,
    PARTS,
    SCENE_PHRASES,
    STYLE_PHRASES,
    TEMPO,
)
from model_core.training.composer import Piece, compose


@pytest.fixture(scope="module")
def captioned() -> list[tuple[Piece, str]]:
    rng = np.random.default_rng(0)
    pieces = [compose(seed, STYLES[seed % len(STYLES)], 16) for seed in range(120)]
    return [(piece, caption(piece, rng)) for piece in pieces for _ in range(5)]


def _says(text: str, phrase: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", text) is not None


def test_a_seed_gives_the_captions_that_the_shipped_models_learned_from() -> None:
    digest = hashlib.sha256()
    for seed in range(200):
        piece = compose(seed, STYLES[seed % len(STYLES)], (16, 32, 48, 64, 96, 160)[seed % 6])
        rng = np.random.default_rng([seed, 1])
        for number in range(12):
            digest.update(caption(piece, rng, held_out=number >= 9).encode() + b"\n")
    assert digest.hexdigest() == "de82428e296d6ac762fe8e35ea9367dfb094c1b7611be90d3b1973d41844c1f1"


def test_they_are_clean_and_varied(captioned: list[tuple[Piece, str]]) -> None:
    texts = [text for _, text in captioned]
    assert all(texts)
    assert not [text for text in texts if ",," in text or ", ," in text or "  " in text or text != text.strip(" ,")]
    assert len(set(texts)) > 0.9 * len(texts)


def test_what_they_say_of_drums_and_mode_is_true(captioned: list[tuple[Piece, str]]) -> None:
    told = 0
    for piece, text in captioned:
        if any(_says(text, phrase) for phrase in PARTS["no_drums"]):
            assert "drums" not in piece.header.parts
        elif any(_says(text, phrase) for phrase in (*PARTS["drums"], *PARTS["need_drums"])):
            assert "drums" in piece.header.parts
        wrong, right = (MOODS["major"], MOODS["minor"]) if piece.header.minor else (MOODS["minor"], MOODS["major"])
        assert not [phrase for phrase in wrong if text.startswith(f"{phrase}, ") or text.endswith(f", {phrase}")]
        assert not _says(text, "major key" if piece.header.minor else "minor key")
        told += any(_says(text, phrase) for phrase in (*right, "major key", "minor key"))
    assert told > 0.3 * len(captioned)


def test_missing_parts_and_lone_instruments_are_told_truly(captioned: list[tuple[Piece, str]]) -> None:
    found = set()
    for piece, text in captioned:
        for role, phrases in (("lead", PARTS["no_lead"]), ("bass", PARTS["no_bass"])):
            if any(_says(text, phrase) for phrase in phrases):
                found.add(role)
                assert role not in piece.header.parts
        said = [
            program
            for program, (name, *_) in INSTRUMENTS.items()
            if any(_says(text, form.format(name)) for form in PARTS["alone"])
        ]
        if said:  # "just synth bass" is also part of "just deep synth bass"
            found.add("alone")
            playing = {piece.header.programs[role] for role in piece.header.parts}
            assert len(playing) == 1
            assert playing <= set(said)
    assert found == {"lead", "bass", "alone"}


def test_instruments_that_are_named_play(captioned: list[tuple[Piece, str]]) -> None:
    named = 0
    for piece, text in captioned:
        playing = {piece.header.programs[role] for role in piece.header.parts}
        for phrase in ("harp", "flute", "cello", "trumpet", "music box", "harmonica", "marimba", "rhodes", "choir"):
            if _says(text, phrase):
                named += 1
                assert playing & {program for program, words in INSTRUMENTS.items() if phrase in " ".join(words)}
    assert named > 20


def test_energy_and_tempo_words_are_true(captioned: list[tuple[Piece, str]]) -> None:
    for piece, text in captioned:
        if text.startswith(tuple(f"{mood}, " for mood in MOODS["strong"])):
            assert piece.header.energy > 0.6
        if text.startswith(tuple(f"{mood}, " for mood in MOODS["calm"])):
            assert piece.header.energy < 0.5
        if any(_says(text, f"{word} tempo") or text.startswith(f"{word} ") for word in TEMPO["fast"]):
            assert piece.header.bpm > 110 or text.startswith("fast changes")


def _bare(text: str) -> str:
    """Without articles, which a caption typed in haste leaves out."""
    return " ".join(re.sub(r"\b(?:an?|the)\b", " ", text.lower()).split())


def _all(table: dict[str, tuple[str, ...]]) -> set[str]:
    return {phrase for phrases in table.values() for phrase in phrases}


@pytest.mark.parametrize("style", STYLES)
def test_every_style_has_its_words(style: str) -> None:
    assert len(_all(STYLE_PHRASES[style])) >= 14
    assert len(_all(SCENE_PHRASES[style])) >= 16
    assert len(_all(HELD_OUT_STYLES[style]) | _all(HELD_OUT_SCENES[style])) >= 8


def test_held_out_words_are_never_in_captions_for_training(captioned: list[tuple[Piece, str]]) -> None:
    held = {phrase for table in (HELD_OUT_STYLES, HELD_OUT_SCENES) for style in STYLES for phrase in _all(table[style])}
    used = {phrase for table in (STYLE_PHRASES, SCENE_PHRASES) for style in STYLES for phrase in _all(table[style])}
    assert not [(one, other) for one in held for other in used if _says(other, one)]
    assert not [text for _, text in captioned if any(_says(text.lower(), phrase) for phrase in held)]
    rng = np.random.default_rng(1)
    for piece, _ in captioned[::5]:
        text = _bare(caption(piece, rng, held_out=True))
        assert any(_bare(phrase) in text for phrase in _all(HELD_OUT_STYLES[piece.header.style])), text


def test_tempo_is_told_as_it_is(captioned: list[tuple[Piece, str]]) -> None:
    told = [(piece, re.search(r"(\d+) bpm", text)) for piece, text in captioned]
    found = [(piece, match) for piece, match in told if match]
    assert len(found) > 20
    for piece, match in found:
        assert int(match[1]) == round(piece.header.felt_bpm)


def test_every_program_has_a_name() -> None:
    programs = {p for seed in range(80) for r, p in compose(seed, None, 16).header.programs.items() if r != "drums"}
    assert programs <= set(INSTRUMENTS)
