"""What a style is: tempo, mode, meters, instruments, chords, and the patterns and grooves that it is known by.

A pattern is one bar of sixteenths: sixteen of them, or twelve in 3/4 and 6/8. Bass: r root, f fifth, o octave, t third,
w a walking step. Chords and melody: x struck. All: - held, . silent. In a groove a digit is a velocity in sevenths.
"""

from dataclasses import dataclass

Groove = dict[str, str]
Grooves = tuple[Groove, Groove, Groove]
"""Calm, medium and full. They are even on purpose; crash, impact and riser belong to what happens."""
Turns = tuple[str, ...]
"""Turns of four chords, names as in harmony.py."""


@dataclass(frozen=True)
class Style:
    """What a piece of the style may be made of.

    Attributes:
        bpm: lowest and highest tempo, quarter notes a minute.
        minor: odds of the minor mode.
        swing: most swing, 0..1.
        seventh: odds that chords carry a seventh.
        odds: chance of each part to play in a piece at all.
        programs: General MIDI programs to choose from, a role each.
        major_turns, minor_turns: its chords.
        bass, chords, lead: patterns in 4/4.
        arp_rates: steps a note of the arp.
        grooves: in 4/4.
        triple: odds of 3/4 and of 6/8.
        triple_drums: which of triple.py's grooves it takes: "kit", "toms" or "brushes".
        slow: whether its chords last a bar or two, and never half of one.
        voicing: "close", "open" or "power" (roots and fifths, low).
        staccato: whether chords and bass are cut short.
    """

    bpm: tuple[float, float]
    minor: float
    swing: float
    seventh: float
    odds: dict[str, float]
    programs: dict[str, tuple[int, ...]]
    major_turns: Turns
    minor_turns: Turns
    bass: tuple[str, ...]
    chords: tuple[str, ...]
    lead: tuple[str, ...]
    arp_rates: tuple[int, ...]
    grooves: Grooves
    triple: tuple[float, float] = (0.0, 0.0)
    triple_drums: str = "kit"
    slow: bool = False
    voicing: str = "close"
    staccato: bool = False
