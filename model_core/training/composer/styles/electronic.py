"""Electronic music: synthwave, house, hip hop, lo-fi and chiptune."""

from typing import Final

from model_core.training.composer.styles.style import Style

_FOUR: Final = "6...6...6...6..."
_BACKBEAT: Final = "....6.......6..."
_OFFBEATS: Final = "..5...5...5...5."
_EIGHTHS: Final = "5.4.5.4.5.4.5.4."
_WHOLE: Final = "x---------------"

ELECTRONIC: Final[dict[str, Style]] = {
    "synthwave": Style(
        bpm=(84, 122), minor=0.75, swing=0.0, seventh=0.15,
        odds={"drums": 0.95, "bass": 1.0, "lead": 0.8, "arp": 0.7},
        programs={
            "bass": (38, 39, 87), "chords": (90, 89, 62), "lead": (81, 80), "arp": (80, 81), "drums": (16, 24, 25),
        },
        major_turns=("F G Em Am", "C G Am F", "F G Am C", "C Am F G"),
        minor_turns=("Am F C G", "Am G F G", "F G Am Am", "Am Em F G", "Am C F G"),
        bass=("r.r.r.r.r.r.r.r.", "rrr.rrr.rrr.rrr.", "r.o.r.o.r.o.r.o.", "r-------r-------"),
        chords=(_WHOLE, "x-------x-------", "x-----x-----x---"),
        lead=("x---x-x-x-------", "x-----x---x-x---", "x-------x-x-x-x-", "x---x---x-------"),
        arp_rates=(1, 2),
        grooves=(
            {"closed_hat": _EIGHTHS, "kick": "6.......6......."},
            {"kick": "6.......6.......", "snare": _BACKBEAT, "closed_hat": _EIGHTHS},
            {"kick": _FOUR, "snare": _BACKBEAT, "open_hat": _OFFBEATS, "closed_hat": "3..33..33..33..3"},
        ),
    ),
    "house": Style(
        bpm=(116, 130), minor=0.6, swing=0.12, seventh=0.5,
        odds={"drums": 1.0, "bass": 1.0, "lead": 0.6, "arp": 0.6},
        programs={"bass": (38, 39), "chords": (0, 90, 4), "lead": (81, 80), "arp": (80, 12), "drums": (24, 25)},
        major_turns=("F G Em Am", "C Am F G", "F C G Am", "C G Am F"),
        minor_turns=("Am F C G", "Am C G F", "Dm F Am G", "Am Em F G", "F Am C G"),
        bass=("..r-..r-..r-..r-", "r..r..r.r..r..r.", "..rr..rr..rr..ro"),
        chords=("..x...x...x...x.", "x..x..x...x..x..", _WHOLE),
        lead=("x..x..x...x..x..", "x.x..x.x..x.x...", "x-----x-----x-x-"),
        arp_rates=(1, 2),
        grooves=(
            {"closed_hat": _OFFBEATS, "kick": "5.......5......."},
            {"kick": _FOUR, "open_hat": _OFFBEATS},
            {"kick": _FOUR, "clap": _BACKBEAT, "open_hat": _OFFBEATS, "closed_hat": "3..33..33..33..3"},
        ),
    ),
    "hiphop": Style(
        bpm=(66, 100), minor=0.85, swing=0.15, seventh=0.25,
        odds={"drums": 1.0, "bass": 1.0, "lead": 0.6, "arp": 0.6},
        programs={"bass": (39, 38), "chords": (89, 0, 52), "lead": (75, 0, 11), "arp": (10, 45, 0), "drums": (25, 24)},
        major_turns=("C Am F G", "F G Am Am", "C Em F F"),
        minor_turns=("Am Am F E", "Am F Am Em", "Am Dm Am E", "Am Am Dm F", "Am G F F"),
        bass=("r-----r---------", "r---------r-r---", "r------r--r-----", "r-----------r-r-"),
        chords=(_WHOLE, "x-------x-------", "x-----------x---"),
        lead=("x-x-x---....x-x-", "x---x-x-x-------", "..x-x---x-------"),
        arp_rates=(2, 1),
        grooves=(
            {"closed_hat": "4.4.4.4.4.4.4.4.", "kick": "5..............."},
            {"kick": "6......5..6.....", "clap": "........6.......", "closed_hat": "4.4.4.4.4.4.4.44"},
            {"kick": "6..6...5..6..5..", "clap": "........6.......", "closed_hat": "4.4.444.4.4.4444",
             "open_hat": "......4........."},
        ),
    ),
    "lofi": Style(
        bpm=(68, 92), minor=0.5, swing=0.6, seventh=0.95,
        odds={"drums": 0.92, "bass": 1.0, "lead": 0.7, "arp": 0.35},
        programs={"bass": (32, 33, 35), "chords": (4, 0, 26), "lead": (0, 11, 73), "arp": (11, 24),
         "drums": (40, 32, 8)},
        major_turns=("Dm G C Am", "F Em Dm C", "C Am Dm G", "F G Em Am", "C Em Dm G", "F Fm C C"),
        minor_turns=("Am Dm G C", "Dm G Am Am", "F Em Am Am", "Am F Dm E", "Dm Am F E"),
        bass=("r-----r-..f-r...", "r---..f-r-----o-", "r-----..r---f-..", "r---------------"),
        chords=(_WHOLE, "x-----x---------", "x-----------x---"),
        lead=("x---x-x---------", "..x-x---x---....", "x---..x-x-------"),
        arp_rates=(2,),
        grooves=(
            {"closed_hat": "4.3.4.3.4.3.4.3."},
            {"kick": "6......5..6.....", "snare": _BACKBEAT, "closed_hat": "4.3.4.3.4.3.4.3."},
            {"kick": "6.....5...6..5..", "snare": "....6..2....6..3", "closed_hat": "4.334.3.4.334.3."},
        ),
        slow=True,
    ),
    "chiptune": Style(
        bpm=(112, 164), minor=0.4, swing=0.0, seventh=0.0,
        odds={"drums": 0.95, "bass": 1.0, "lead": 0.95, "arp": 0.9},
        programs={"bass": (38, 87), "chords": (80, 81), "lead": (80, 79), "arp": (80,), "drums": (24, 25)},
        major_turns=("C G Am F", "C F G C", "F G Em Am", "C Ab Bb C", "C Am F G"),
        minor_turns=("Am F G Am", "Am G F E", "Am C G F", "Am F C G"),
        bass=("r.r.o.r.r.r.o.r.", "r.o.r.o.r.o.r.o.", "r...r...f...o..."),
        chords=("x.......x.......", _WHOLE, "x..x..x.x..x..x."),
        lead=("x.x.x.x.x---x---", "x..x..x.x---x-x-", "x-x-x-x-x-x-x---", "x---x.x.x---x---"),
        arp_rates=(1, 1, 2),
        grooves=(
            {"closed_hat": "4.4.4.4.4.4.4.4."},
            {"kick": "6.......6.......", "snare": _BACKBEAT, "closed_hat": "4.4.4.4.4.4.4.4."},
            {"kick": "6..6..6.6..6..6.", "snare": _BACKBEAT, "closed_hat": "4.434.434.434.43"},
        ),
    ),
}  # fmt: skip
