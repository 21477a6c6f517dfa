"""A vocabulary survives its JSON form, and headers are written in whichever vocabulary a model has."""

from dataclasses import replace

import numpy as np
import pytest

from model_core.models.score.render.program_levels import LATENCY_MS, TRIM_DB
from model_core.plan.plan import METERS, VOCABULARY, Header, Vocabulary

OLD = Vocabulary(
    styles=("house", "piano"),
    meters=("4/4",),
    programs={"bass": (38,), "chords": (0, 4), "lead": (81,), "arp": (80,), "drums": (24,)},
    bpm=(60.0, 120.0),
)
HEADER = Header(
    style="piano", bpm=120.0, swing=0.25, minor=False,
    programs={"bass": 38, "chords": 4, "lead": 81, "arp": 80, "drums": 24},
    parts=frozenset({"chords", "lead"}), energy=0.5, density=1.0,
)  # fmt: skip


def test_it_survives_json() -> None:
    assert Vocabulary.from_json(VOCABULARY.as_json()) == VOCABULARY


@pytest.mark.parametrize("lost", ["styles", "meters", "programs", "bpm"])
def test_a_missing_part_is_named(lost: str) -> None:
    given = VOCABULARY.as_json()
    del given[lost]
    with pytest.raises(ValueError, match="are needed"):
        Vocabulary.from_json(given)


def test_unknown_meters_and_empty_lists_are_refused() -> None:
    with pytest.raises(ValueError, match="7/8"):
        Vocabulary.from_json(VOCABULARY.as_json() | {"meters": ["4/4", "7/8"]})
    with pytest.raises(ValueError, match="must not be empty"):
        Vocabulary.from_json(VOCABULARY.as_json() | {"styles": []})


def test_a_header_speaks_the_model_s_vocabulary() -> None:
    styles, scalars = [0, 1], [1, 0.25, -1, 0, 1]
    bass, chords, lead, arp, drums = [0, 0], [1, 0, 1], [1, 1], [0, 0], [0, 0]
    expected = [*styles, *scalars, *bass, *chords, *lead, *arp, *drums]
    np.testing.assert_allclose(HEADER.vector(OLD), expected)
    assert len(HEADER.vector(OLD)) == OLD.dimension
    assert len(HEADER.vector()) == VOCABULARY.dimension


def test_the_meter_is_said_where_there_is_more_than_one() -> None:
    meters = len(VOCABULARY.styles)
    for index, meter in enumerate(METERS):
        said = replace(HEADER, meter=meter).vector()[meters : meters + len(METERS)]
        np.testing.assert_array_equal(said, np.eye(len(METERS))[index])


def test_six_eight_is_counted_in_dotted_quarters() -> None:
    assert replace(HEADER, meter="6/8").felt_bpm == 80
    assert replace(HEADER, meter="6/8").beats_per_bar == 3
    assert HEADER.felt_bpm == 120


def test_every_program_has_its_level() -> None:
    for role, choices in VOCABULARY.programs.items():
        assert set(choices) <= set(TRIM_DB[role])
        assert role == "drums" or set(choices) <= set(LATENCY_MS[role])
