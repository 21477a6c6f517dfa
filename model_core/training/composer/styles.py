"""The styles: tempo, mode, instruments and the patterns that each is known by.

A pattern is one bar of sixteenths. Bass: r root, f fifth, o octave. Chords and melody: x struck. All: - held, . silent.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Style:
    """What a style may be made of.

    Attributes:
        bpm: lowest and highest tempo.
        minor: odds of the minor mode.
        swing: most swing, 0..1.
        seventh: odds that chords carry a seventh.
        odds: chance of each part to play in a piece at all.
        programs: General MIDI programs to choose from, a role each.
        bass, chords, lead: patterns.
        arp_rates: steps a note of the arp.
    """

    bpm: tuple[float, float]
    minor: float
    swing: float
    seventh: float
    odds: dict[str, float]
    programs: dict[str, tuple[int, ...]]
    bass: tuple[str, ...]
    chords: tuple[str, ...]
    lead: tuple[str, ...]
    arp_rates: tuple[int, ...]


_HELD: Final = "r---------------"
_WHOLE: Final = "x---------------"

STYLE_TABLE: Final[dict[str, Style]] = {
    "cinematic": Style(
        bpm=(68, 116), minor=0.7, swing=0.0, seventh=0.05,
        odds={"drums": 0.85, "bass": 0.95, "lead": 0.85, "arp": 0.65},
        programs={"bass": (43, 48), "chords": (48, 49, 61), "lead": (60, 40, 56), "arp": (45, 46, 48), "drums": (48,)},
        bass=(_HELD, "r-------r-------", "r---r---r---r---", "r.r.r.r.r.r.r.r."),
        chords=(_WHOLE, "x-------x-------", "x---x---x---x---"),
        lead=("x-------x---x---", "x-----x-x-------", "x---x---x-------", "x-------x-------"),
        arp_rates=(1, 2),
    ),
    "tension": Style(
        bpm=(72, 128), minor=0.97, swing=0.0, seventh=0.1,
        odds={"drums": 0.7, "bass": 1.0, "lead": 0.4, "arp": 0.75},
        programs={
            "bass": (43, 39, 48), "chords": (48, 49, 49), "lead": (42, 71, 40), "arp": (48, 45, 46), "drums": (48,),
        },
        bass=(_HELD, _HELD, "r.r.r.r.r.r.r.r.", "r-..r-..r-..r-.."),
        chords=(_WHOLE, "x-x-x-x-x-x-x-x-", "xxxxxxxxxxxxxxxx"),
        lead=("x-----------x---", "x---------------", "....x-------x---"),
        arp_rates=(1, 1, 2),
    ),
    "synthwave": Style(
        bpm=(84, 122), minor=0.75, swing=0.0, seventh=0.15,
        odds={"drums": 0.95, "bass": 1.0, "lead": 0.8, "arp": 0.7},
        programs={"bass": (38, 39, 87), "chords": (90, 89), "lead": (81, 80), "arp": (80, 81), "drums": (16, 24, 25)},
        bass=("r.r.r.r.r.r.r.r.", "rrr.rrr.rrr.rrr.", "r.o.r.o.r.o.r.o.", "r-------r-------"),
        chords=(_WHOLE, "x-------x-------", "x-----x-----x---"),
        lead=("x---x-x-x-------", "x-----x---x-x---", "x-------x-x-x-x-", "x---x---x-------"),
        arp_rates=(1, 2),
    ),
    "house": Style(
        bpm=(116, 130), minor=0.6, swing=0.12, seventh=0.5,
        odds={"drums": 1.0, "bass": 1.0, "lead": 0.6, "arp": 0.6},
        programs={"bass": (38, 39), "chords": (0, 90, 4), "lead": (81, 80), "arp": (80, 12), "drums": (24, 25)},
        bass=("..r-..r-..r-..r-", "r..r..r.r..r..r.", "..rr..rr..rr..ro"),
        chords=("..x...x...x...x.", "x..x..x...x..x..", _WHOLE),
        lead=("x..x..x...x..x..", "x.x..x.x..x.x...", "x-----x-----x-x-"),
        arp_rates=(1, 2),
    ),
    "lofi": Style(
        bpm=(68, 92), minor=0.5, swing=0.6, seventh=0.95,
        odds={"drums": 0.92, "bass": 1.0, "lead": 0.7, "arp": 0.35},
        programs={"bass": (32, 33, 35), "chords": (4, 0), "lead": (0, 11, 73), "arp": (11, 24), "drums": (40, 32, 8)},
        bass=("r-----r-..f-r...", "r---..f-r-----o-", "r-----..r---f-..", _HELD),
        chords=(_WHOLE, "x-----x---------", "..x---..x-----.."),
        lead=("x---x-x---------", "..x-x---x---....", "x---..x-x-------"),
        arp_rates=(2,),
    ),
    "acoustic": Style(
        bpm=(80, 126), minor=0.3, swing=0.1, seventh=0.08,
        odds={"drums": 0.5, "bass": 0.9, "lead": 0.75, "arp": 0.4},
        programs={"bass": (32, 33), "chords": (25, 24), "lead": (73, 22, 40), "arp": (24, 46), "drums": (40, 0)},
        bass=("r---....f---....", "r---r---f---f---", "r-----r-f-------"),
        chords=("x---x-x---x-x-x-", "x-----x-x-----x-", "x---x---x---x-x-"),
        lead=("x-x-x---x-x-x---", "x---x-x-x-------", "x---x---x-x-x-x-"),
        arp_rates=(2,),
    ),
    "ambient": Style(
        bpm=(60, 88), minor=0.4, swing=0.0, seventh=0.7,
        odds={"drums": 0.15, "bass": 0.85, "lead": 0.6, "arp": 0.75},
        programs={"bass": (39, 48), "chords": (91, 89, 48), "lead": (73, 11, 0), "arp": (46, 10, 11), "drums": (0,)},
        bass=(_HELD, "r-----------f---"),
        chords=(_WHOLE,),
        lead=("x-------x-------", "x-----------x---", "x---------------"),
        arp_rates=(2, 4),
    ),
    "piano": Style(
        bpm=(62, 112), minor=0.5, swing=0.0, seventh=0.3,
        odds={"drums": 0.0, "bass": 0.0, "lead": 0.95, "arp": 0.6},
        programs={"bass": (32, 43), "chords": (0,), "lead": (0,), "arp": (0,), "drums": (0,)},
        bass=(_HELD, "r-------f-------"),
        chords=(_WHOLE, "x-------x-------", "x---x---x---x---"),
        lead=("x---x---x-------", "x-x-x---x---x---", "x-----x-x-------"),
        arp_rates=(2,),
    ),
}  # fmt: skip
