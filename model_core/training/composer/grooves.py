"""Drum grooves by style: calm, medium and full, each one bar of sixteenths a lane; a digit is a velocity in sevenths.

They are even on purpose. Crash, impact and riser are missing: those belong to what happens.
"""

from typing import Final

Groove = dict[str, str]

_EIGHTHS: Final = "5.4.5.4.5.4.5.4."
_OFFBEATS: Final = "..5...5...5...5."
_FOUR: Final = "6...6...6...6..."
_BACKBEAT: Final = "....6.......6..."
_HALVES: Final = "6.......6......."

GROOVES: Final[dict[str, tuple[Groove, Groove, Groove]]] = {
    "cinematic": (
        {"tom_low": "6.......4......."},
        {"tom_low": "6..4..5.6..4..5.", "kick": "6.......6.......", "tom_high": "..............44"},
        {"tom_low": "6.4.6.4.6.4.6.44", "tom_high": "..4...4...4...4.", "kick": "7.......7......."},
    ),
    "tension": (
        {"tom_low": "5.....4........."},
        {"kick": "5.....5.........", "tom_low": "........4.....4.", "closed_hat": "3...3...3...3..."},
        {"kick": "6...6...6...6...", "closed_hat": "4.3.4.3.4.3.4.3.", "tom_low": "......4.......4."},
    ),
    "synthwave": (
        {"closed_hat": _EIGHTHS, "kick": "6.......6......."},
        {"kick": _HALVES, "snare": _BACKBEAT, "closed_hat": _EIGHTHS},
        {"kick": _FOUR, "snare": _BACKBEAT, "open_hat": _OFFBEATS, "closed_hat": "3..33..33..33..3"},
    ),
    "house": (
        {"closed_hat": _OFFBEATS, "kick": "5.......5......."},
        {"kick": _FOUR, "open_hat": _OFFBEATS},
        {"kick": _FOUR, "clap": "....6.......6...", "open_hat": _OFFBEATS, "closed_hat": "3..33..33..33..3"},
    ),
    "lofi": (
        {"closed_hat": "4.3.4.3.4.3.4.3."},
        {"kick": "6......5..6.....", "snare": "....6.......6...", "closed_hat": "4.3.4.3.4.3.4.3."},
        {"kick": "6.....5...6..5..", "snare": "....6..2....6..3", "closed_hat": "4.334.3.4.334.3."},
    ),
    "acoustic": (
        {"ride": "3...3...3...3..."},
        {"kick": "6.......5.......", "snare": "....4..2....4...", "ride": "3.3.3.3.3.3.3.3."},
        {"kick": "6...5...6...5...", "clap": "....5.......5...", "closed_hat": "4.3.4.3.4.3.4.3."},
    ),
    "ambient": (
        {"ride": "....3.......3..."},
        {"kick": "5.......4.......", "ride": "....3.......3..."},
        {"kick": "5.......4.......", "ride": "..3...3...3...3."},
    ),
    "piano": ({}, {}, {}),
}
