"""Who obeys a wish and who does not, on takes written by hand."""

import pytest

from model_core.codecs.score.score import Score
from model_core.codecs.score.vocabulary import VOCABULARY
from model_core.evaluation.model.prompt_following import (
    AbsenceWish,
    InstrumentWish,
    ModeWish,
    absence_wishes,
    asked_of,
    instrument_wishes,
    misses,
    mode_wishes,
)
from model_core.evaluation.model.prompts import NAMED, PIANOS, PROMPTS, STRINGS, VIOLINS, HeldOut
from model_core.evaluation.model.takes import Take
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
    assert InstrumentWish("", (VIOLINS, PIANOS)).heard(duo) == (2, 2)
    assert InstrumentWish("", (STRINGS, NAMED["harp"])).heard(duo) == (1, 2)


def test_nothing_else_may_sound(duo: Take) -> None:
    assert AbsenceWish("", "drums", frozenset()).obeyed(duo)
    assert not AbsenceWish("", "lead", frozenset()).obeyed(duo)
    assert not AbsenceWish("", "", PIANOS).obeyed(duo)
    assert AbsenceWish("", "", PIANOS | VIOLINS).obeyed(duo)
    drum(duo.score, 4, "impact")
    assert not AbsenceWish("", "drums", frozenset()).obeyed(duo)
    assert not AbsenceWish("", "", PIANOS | VIOLINS).obeyed(duo)
    assert not AbsenceWish("", "drums", frozenset()).obeyed(take_of(Score.empty(8)))


def test_the_felt_tempo_counts() -> None:
    assert take_of(Score.empty(8), bpm=121).felt_bpm == pytest.approx(121)
    assert take_of(Score.empty(8), bpm=120, meter="6/8").felt_bpm == pytest.approx(80)
    assert ModeWish("", True, 120).in_time(take_of(Score.empty(8), bpm=122))
    assert not ModeWish("", True, 120).in_time(take_of(Score.empty(8), bpm=123))


def test_wishes_can_be_granted_and_are_all_different() -> None:
    styles = VOCABULARY.styles
    instruments = instrument_wishes(styles, VOCABULARY, 108)
    assert {len(wish.named) for wish in instruments} == {1, 2, 3}
    known = {program for role, programs in VOCABULARY.programs.items() if role != "drums" for program in programs}
    assert all(one & known for wish in instruments for one in wish.named)
    absences = absence_wishes(styles, VOCABULARY, 108)
    assert sum(bool(wish.alone) for wish in absences) == 54
    assert all(bool(wish.absent) != bool(wish.alone) for wish in absences)
    modes = mode_wishes(styles, 108)
    assert sum(wish.minor for wish in modes) == 54
    assert all(str(wish.bpm) in wish.prompt for wish in modes)
    for wishes in (instruments, modes):
        assert len({wish.prompt for wish in wishes}) > 100


def test_an_expectation_names_all_that_is_missing(duo: Take) -> None:
    assert misses(HeldOut("x", "piano lofi", "major", programs=(PIANOS,), absent="drums"), duo, "lofi", False) == []
    want = HeldOut(
        "x", "house", "minor", bpm=(100, 120), wanted="bass lead", absent="chords", programs=(NAMED["harp"],), solo=True
    )
    assert misses(want, duo, "piano", False) == [
        "planned as piano", "sounds like piano", "is not in minor", "has 90 bpm", "has no bass", "has chords",
        "lacks programs 46", "is not alone",
    ]  # fmt: skip
    assert misses(HeldOut("x", "piano", programs=(PIANOS, VIOLINS), solo=True), duo, "piano", True) == []
    assert asked_of(want, ("house", "rock"))
    assert not asked_of(want, ("rock",))


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
