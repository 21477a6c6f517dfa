"""Style tables: tempo, mode, meters, instruments, chords, patterns and grooves of a style, and those of 3/4 and 6/8.

A pattern is one bar of sixteenths: sixteen of them, or twelve in 3/4 and 6/8. Bass: r root, f fifth, o octave, t third,
w a walking step. Chords and melody: x struck. All: - held, . silent. In a groove a digit is a velocity in sevenths.
"""

from dataclasses import dataclass
from typing import Final

Groove = dict[str, str]
Grooves = tuple[Groove, Groove, Groove]
"""Calm, medium and full. They are even on purpose; crash, impact and riser belong to events."""
Turns = tuple[str, ...]
"""Turns of four chords, names as in harmony.py."""


@dataclass(frozen=True)
class Style:
    """Table of a style: the choices of which its pieces are composed.

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
        triple_drums: its grooves of TRIPLE: "kit", "toms" or "brushes".
        slow: True when its chords last a bar or two, and never half of one.
        voicing: "close", "open" or "power" (roots and fifths, low).
        staccato: True when chords and bass are cut short.
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


@dataclass(frozen=True)
class Triple:
    """Patterns in place of a style's own: bass, chords, lead and grooves as in Style, rates of the arp."""

    bass: tuple[str, ...]
    chords: tuple[str, ...]
    lead: tuple[str, ...]
    arp_rates: tuple[int, ...]
    grooves: dict[str, Grooves]


TRIPLE: Final = {
    "3/4": Triple(
        bass=("r-----------", "r---....f...", "r---f---f---"),
        chords=("x-----------", "....x---x---", "....x-..x-..", "x---x---x---"),
        lead=("x-------x---", "x---x---x---", "x-----x-x---", "x-------x-x-"),
        arp_rates=(2, 4),
        grooves={
            "kit": (
                {"closed_hat": "4...3...3..."},
                {"kick": "6...........", "snare": "....4...4...", "closed_hat": "4...3...3..."},
                {"kick": "6.....4.....", "snare": "....5...5...", "closed_hat": "4.3.4.3.4.3."},
            ),
            "toms": (
                {"tom_low": "5..........."},
                {"tom_low": "5...3...3...", "snare": "........3.3."},
                {"tom_low": "6...4...4.4.", "snare": "....4...4...", "kick": "6..........."},
            ),
            "brushes": (
                {"ride": "4...3...3..."},
                {"ride": "4...4..34...", "closed_hat": "....3...3..."},
                {"ride": "5...5..35...", "closed_hat": "....4...4...", "kick": "5..........."},
            ),
        },
    ),
    "6/8": Triple(
        bass=("r-----------", "r-----r-----", "r-----f-----", "r---r-r---r-"),
        chords=("x-----------", "x-----x-----", "x-x-x-x-x-x-", "x---x-x---x-"),
        lead=("x---x-x-----", "x-----x---x-", "x-x-x-x-----", "x---x-x---x-"),
        arp_rates=(2,),
        grooves={
            "kit": (
                {"closed_hat": "4.3.3.4.3.3."},
                {"kick": "6...........", "snare": "......5.....", "closed_hat": "4.3.3.4.3.3."},
                {"kick": "6...5.......", "snare": "......6.....", "closed_hat": "5.4.4.5.4.4."},
            ),
            "toms": (
                {"tom_low": "5.....4....."},
                {"tom_low": "6.....5...4.", "kick": "5..........."},
                {"tom_low": "6.4.4.6.4.4.", "tom_high": "..........44", "kick": "6.....6....."},
            ),
            "brushes": (
                {"ride": "4.....3....."},
                {"ride": "4.3.3.4.3.3.", "kick": "5..........."},
                {"ride": "5.3.3.5.3.3.", "kick": "5.....4.....", "snare": "......3....."},
            ),
        },
    ),
}
