"""Tests of prompt following, on takes written by hand."""

import pytest

from model_core.evaluation.model.prompt_following import (
    AbsencePrompt,
    InstrumentPrompt,
    ModePrompt,
    can_be_asked,
    find_shortcomings,
    make_absence_prompts,
    make_instrument_prompts,
    make_mode_prompts,
)
from model_core.evaluation.model.prompts import NAMED, PIANOS, PROMPTS, STRINGS, VIOLINS, HeldOut
from model_core.evaluation.model.takes import Take
from model_core.models.score.codec.score import Score
from model_core.plan.plan import VOCABULARY
from model_core.training.captions.phrases import HELD_OUT_STYLES, SCENE_PHRASES, STYLE_PHRASES
from tests.evaluation.model.made import drum, put, strike, take_of


@pytest.fixture
def duo() -> Take:
    """A violin over a piano."""
    score = Score.empty(16)
    strike(score, 0, (60, 64, 67), 16)
    put(score, "lead", 0, 76, 8)
    return take_of(score, "piano", bpm=90)


def test_what_is_named_must_sound(duo: Take) -> None:
    assert duo.programs == {0, 40}
    assert duo.roles == {"chords", "lead"}
    assert InstrumentPrompt("", (VIOLINS, PIANOS)).count_sounding(duo) == (2, 2)
    assert InstrumentPrompt("", (STRINGS, NAMED["harp"])).count_sounding(duo) == (1, 2)


def test_nothing_else_may_sound(duo: Take) -> None:
    assert AbsencePrompt("", "drums", frozenset()).is_met(duo)
    assert not AbsencePrompt("", "lead", frozenset()).is_met(duo)
    assert not AbsencePrompt("", "", PIANOS).is_met(duo)
    assert AbsencePrompt("", "", PIANOS | VIOLINS).is_met(duo)
    drum(duo.score, 4, "impact")
    assert not AbsencePrompt("", "drums", frozenset()).is_met(duo)
    assert not AbsencePrompt("", "", PIANOS | VIOLINS).is_met(duo)
    assert not AbsencePrompt("", "drums", frozenset()).is_met(take_of(Score.empty(8)))


def test_the_felt_tempo_counts() -> None:
    assert take_of(Score.empty(8), bpm=121).felt_bpm == pytest.approx(121)
    assert take_of(Score.empty(8), bpm=120, meter="6/8").felt_bpm == pytest.approx(80)
    assert ModePrompt("", True, 120).has_tempo(take_of(Score.empty(8), bpm=122))
    assert not ModePrompt("", True, 120).has_tempo(take_of(Score.empty(8), bpm=123))


def test_wishes_can_be_granted_and_are_all_different() -> None:
    styles = VOCABULARY.styles
    instruments = make_instrument_prompts(styles, VOCABULARY, 108)
    assert {len(one.named) for one in instruments} == {1, 2, 3}
    known = {program for role, programs in VOCABULARY.programs.items() if role != "drums" for program in programs}
    assert all(programs & known for one in instruments for programs in one.named)
    absences = make_absence_prompts(styles, VOCABULARY, 108)
    assert sum(bool(one.alone) for one in absences) == 54
    assert all(bool(one.absent) != bool(one.alone) for one in absences)
    modes = make_mode_prompts(styles, 108)
    assert sum(one.minor for one in modes) == 54
    assert all(str(one.bpm) in one.prompt for one in modes)
    for prompts in (instruments, modes):
        assert len({one.prompt for one in prompts}) > 100


def test_an_expectation_names_all_that_is_missing(duo: Take) -> None:
    assert (
        find_shortcomings(HeldOut("x", "piano lofi", "major", programs=(PIANOS,), absent="drums"), duo, "lofi", False)
        == []
    )
    want = HeldOut(
        "x", "house", "minor", bpm=(100, 120), wanted="bass lead", absent="chords", programs=(NAMED["harp"],), solo=True
    )
    assert find_shortcomings(want, duo, "piano", False) == [
        "planned as piano", "sounds like piano", "is not in minor", "has 90 bpm", "has no bass", "has chords",
        "lacks programs 46", "is not alone",
    ]  # fmt: skip
    assert find_shortcomings(HeldOut("x", "piano", programs=(PIANOS, VIOLINS), solo=True), duo, "piano", True) == []
    assert can_be_asked(want, ("house", "rock"))
    assert not can_be_asked(want, ("rock",))


def test_the_held_out_prompts_are_120_and_use_no_phrase_of_the_captions() -> None:
    assert len(PROMPTS) == len({want.prompt for want in PROMPTS}) == 120
    for style in VOCABULARY.styles:
        assert sum(want.styles.split()[0] == style for want in PROMPTS) >= 5
    for want in PROMPTS:
        assert set(want.styles.split()) <= set(VOCABULARY.styles)
        assert want.programs or not want.solo
        text = f" {want.prompt.lower().replace(',', ' ').replace('.', ' ')} "
        for tables in (STYLE_PHRASES, SCENE_PHRASES, HELD_OUT_STYLES):
            said = [phrase for table in tables.values() for some in table.values() for phrase in some]
            assert not [phrase for phrase in said if f" {phrase.lower()} " in text]
