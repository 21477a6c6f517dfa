"""Explicit words of a prompt are understood, and nothing is read into the others."""

import pytest

from model_core.models.score.planner.explicit_words import parse_explicit_words
from model_core.models.score.planner.words import INSTRUMENTS
from model_core.plan.plan import PROGRAMS


@pytest.mark.parametrize(
    ("prompt", "bpm"),
    [
        ("house at 124 bpm", 124.0),
        ("90BPM lofi", 90.0),
        ("300 bpm", 168.0),
        ("1984 retro", None),
        ("120.5 bpm", 120.5),
        ("a 100-bpm groove", 100.0),
        ("80 beats per minute", 80.0),
    ],
)
def test_tempo(prompt: str, bpm: float | None) -> None:
    assert parse_explicit_words(prompt).bpm == bpm


@pytest.mark.parametrize(
    ("prompt", "minor", "key"),
    [
        ("a waltz in D minor", True, 2),
        ("F# major anthem", False, 6),
        ("E-flat major", False, 3),
        ("B flat minor", True, 10),
        ("give me a minor disaster theme", True, None),
        ("in a minor", True, 9),
        ("A minor, slow", True, 9),
        ("strings in a minor key", True, None),
        ("driving in a major city", None, None),
        ("a happy tune", False, None),
        ("tense strings", None, None),
    ],
)
def test_mode_and_key(prompt: str, minor: bool | None, key: int | None) -> None:
    words = parse_explicit_words(prompt)
    assert (words.minor, words.key) == (minor, key)


def test_instruments_asked_for_and_ruled_out() -> None:
    words = parse_explicit_words("tense strings, then a big brass hit, no drums")
    assert words.programs["chords"][0] == 48
    assert words.programs["lead"][0] == 60
    assert words.without == {"drums"}
    assert "drums" not in words.wanted
    assert parse_explicit_words("without any drums and no bass").without == {"drums", "bass"}
    assert parse_explicit_words("no heavy drums or bass, but strings").without == {"drums", "bass"}
    assert parse_explicit_words("strings, I don't want drums").wanted == {"chords"}
    piano = parse_explicit_words("no piano please, violins")
    assert piano.unwanted == {0}
    assert piano.programs == {"lead": (40,)}
    assert parse_explicit_words("no electric piano").unwanted == {4, 5}
    assert parse_explicit_words("80 beats per minute, hearts beat slowly").wanted == set()


def test_longer_names_win() -> None:
    assert parse_explicit_words("warm electric piano").programs["chords"] == (4, 5)
    assert parse_explicit_words("synth bass").programs == {"bass": (38, 39)}


def test_every_program_is_one_that_the_model_has() -> None:
    for instrument in INSTRUMENTS.values():
        assert set(instrument.programs) <= set(PROGRAMS[instrument.role])


@pytest.mark.parametrize("prompt", ["solo piano", "a piano solo", "just a piano", "piano only"])
def test_solo_piano(prompt: str) -> None:
    assert parse_explicit_words(prompt).solo == INSTRUMENTS["piano"]
    assert parse_explicit_words("piano and strings").solo is None
    assert parse_explicit_words("no solo piano").solo is None


@pytest.mark.parametrize(
    ("prompt", "without"),
    [
        ("no drums, percussion or bass", {"drums", "bass"}),
        ("don't use drums", {"drums"}),
        ("please don't add any percussion", {"drums"}),
        ("it shouldn't have drums", {"drums"}),
        ("strings w/o drums", {"drums"}),
        ("the no-drums version", {"drums"}),
        ("the video has no voiceover so use bold drums", set()),
    ],
)
def test_denials_reach_as_far_as_they_should(prompt: str, without: set[str]) -> None:
    words = parse_explicit_words(prompt)
    assert words.without == without
    assert ("drums" in words.wanted) == (not without)


def test_a_denied_list_of_instruments_is_denied_whole() -> None:
    words = parse_explicit_words("no brass, strings or choir")
    assert not words.programs
    assert {56, 60, 61, 48, 49, 52} <= words.unwanted
    assert parse_explicit_words("no drums, piano").programs == {"chords": (0,)}


@pytest.mark.parametrize(
    "prompt",
    ["heavy rock with a screaming electric guitar solo", "80s power ballad, epic guitar solo in the middle",
     "jazz with a long sax solo", "not just piano", "not only a solo piano"],
)  # fmt: skip
def test_a_solo_within_a_piece_leaves_the_band(prompt: str) -> None:
    assert parse_explicit_words(prompt).solo is None


@pytest.mark.parametrize("prompt", ["dark techno in A minor at 130 bpm", "calm piano in A minor for a wedding"])
def test_the_key_of_a_is_read_where_words_follow(prompt: str) -> None:
    words = parse_explicit_words(prompt)
    assert words.key == 9
    assert words.minor


def test_no_vocals_leaves_the_pads() -> None:
    assert parse_explicit_words("dreamy ambient pads, no vocals").unwanted == {52}
    assert parse_explicit_words("minor league baseball").minor is None
