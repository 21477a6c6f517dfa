"""Explicit words over a header: what was said in so many words holds, whatever the planner drew."""

from dataclasses import replace
from typing import Final

from model_core.models.score.planner.explicit_words import ExplicitWords
from model_core.plan.header import Header
from model_core.plan.vocabulary import ROLES, Vocabulary

_PIANO: Final = 0


def apply_words(header: Header, words: ExplicitWords, vocabulary: Vocabulary) -> Header:
    """The header with every explicit word obeyed, as far as the vocabulary has what is asked for."""
    header = replace(header, meter=_meter(header, words, vocabulary))
    header = replace(
        header,
        bpm=_bpm(header, words, vocabulary),
        minor=header.minor if words.minor is None else words.minor,
        programs=_programs(header, words, vocabulary),
        parts=(header.parts | words.wanted) - words.without,
    )
    if words.solo is not None:
        header = _alone(header, words, vocabulary)
    return header if header.parts else replace(header, parts=frozenset(set(ROLES) - words.without or {"chords"}))


def _meter(header: Header, words: ExplicitWords, vocabulary: Vocabulary) -> str:
    """The one asked for; where none is, the drawn one unless 6/8 is too slow for the tempo asked for."""
    if words.meter in vocabulary.meters:
        return str(words.meter)
    least = words.bpm if words.bpm is not None else (words.bpm_range or (0.0,))[0]
    if header.meter == "6/8" and least > vocabulary.bpm[1] / 1.5 and "4/4" in vocabulary.meters:
        return "4/4"
    return header.meter


def _bpm(header: Header, words: ExplicitWords, vocabulary: Vocabulary) -> float:
    """Quarter notes a minute; words count as a listener does."""
    felt = header.felt_bpm
    if words.bpm is not None:
        felt = words.bpm
    elif words.bpm_range is not None:
        felt = min(max(felt, words.bpm_range[0]), words.bpm_range[1])
    low, high = vocabulary.bpm
    return min(max(felt * header.bpm / header.felt_bpm, low), high)


def _programs(header: Header, words: ExplicitWords, vocabulary: Vocabulary) -> dict[str, int]:
    programs = dict(header.programs)
    for role, wished in words.programs.items():
        known = [p for p in wished if p in vocabulary.programs[role] and p not in words.unwanted]
        if known and programs[role] not in known:
            programs[role] = known[0]
    for role, program in programs.items():
        if program in words.unwanted:
            liked = (*words.programs.get(role, ()), *vocabulary.programs[role])
            others = [p for p in liked if p in vocabulary.programs[role] and p not in words.unwanted]
            programs[role] = others[0] if others else program
    return programs


def _alone(header: Header, words: ExplicitWords, vocabulary: Vocabulary) -> Header:
    """One instrument in the role that it has, and in the others that would play and can have it too."""
    solo = words.solo
    assert solo is not None
    if not solo.programs:
        return replace(header, parts=frozenset({solo.role}))
    able = [role for role in (solo.role, "chords", "lead", "arp", "bass") if role in vocabulary.programs]
    found = [(role, p) for role in able for p in solo.programs if p in vocabulary.programs[role]]
    if not found:
        return header
    role, program = found[0]
    shared = {other for other in ("chords", "lead", "arp") if program in vocabulary.programs[other]}
    parts = {role} | (shared & header.parts if role in shared else set())
    if program == _PIANO:
        parts |= {"chords", "lead"}
        if "piano" in vocabulary.styles:
            header = replace(header, style="piano", swing=0.0)
    programs = header.programs | dict.fromkeys(parts, program)
    return replace(header, parts=frozenset(parts), programs=programs)
