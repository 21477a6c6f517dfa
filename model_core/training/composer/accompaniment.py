"""Chords and arp: what carries the harmony."""

from functools import lru_cache
from typing import Final

from model_core.models.score.codec.score import STEPS_PER_BEAT, Score
from model_core.training.composer.form import Section
from model_core.training.composer.ideas import Ideas
from model_core.training.composer.voicing import voiced
from model_core.training.composer.writing import WEAK, hold, level_of, note, places, ring, strike

QUIET: Final = 0.35
"""Energy below which patterns give way to held notes."""
_ARP_NOTES: Final = 5
_ALBERTI: Final = (0, 2, 1, 2)


def write_chords(score: Score, section: Section, ideas: Ideas) -> None:
    """Voice-led chords, struck where the pattern or the harmony says so."""
    pattern = ideas.of(section).chords if section.energy >= QUIET else "x".ljust(ideas.bar, "-")
    centre, level = ideas.centre + section.lift, level_of(section)
    pitches: tuple[int, ...] = ()
    sounding = False
    for step, place in places(section):
        turns, symbol = ideas.turns(section, place), pattern[place % ideas.bar]
        if turns:
            pitches = voiced(ideas.chord_at(section, place // STEPS_PER_BEAT), pitches, centre, ideas.voicing)
        if symbol == "x" or (turns and symbol == "-"):
            strike(score, step, pitches, level * (1.0 if place % ideas.pulse == 0 else WEAK))
        elif symbol == "-" and sounding and not ideas.staccato:
            ring(score, step)
        sounding = bool(score.chord_velocity[step])


def write_arp(score: Score, section: Section, ideas: Ideas) -> None:
    """Broken chords at a steady rate."""
    material, level = ideas.of(section), level_of(section)
    base = 60 + max(0, section.lift)
    for step, place in places(section):
        if place % material.arp_rate:
            hold(score, "arp", step)
            continue
        chord = ideas.chord_at(section, place // STEPS_PER_BEAT)
        pitches = _ladder(chord.pitch_classes, base)
        index = _order(material.arp_shape, place // material.arp_rate, len(pitches))
        note(score, "arp", step, pitches[index], level * (0.85 if place % ideas.pulse == 0 else 0.74))


@lru_cache(maxsize=1024)
def _ladder(pitch_classes: tuple[int, ...], base: int) -> tuple[int, ...]:
    return tuple(p for p in range(base, base + 21) if p % 12 in pitch_classes)[:_ARP_NOTES]


def _order(shape: str, index: int, count: int) -> int:
    if shape == "alberti":
        return _ALBERTI[index % 4]
    if shape == "updown":
        return count - 1 - abs(index % (2 * count - 2) - (count - 1))
    return index % count if shape == "up" else count - 1 - index % count
