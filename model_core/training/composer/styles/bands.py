"""Music of bands: pop, rock, funk, jazz, acoustic and latin."""

from typing import Final

from model_core.training.composer.styles.style import Style

_BACKBEAT: Final = "....6.......6..."
_EIGHTHS: Final = "5.4.5.4.5.4.5.4."
_WHOLE: Final = "x---------------"
_HALVES: Final = "x-------x-------"
_WALK: Final = "r---w---w---w---"

BANDS: Final[dict[str, Style]] = {
    "pop": Style(
        bpm=(88, 128), minor=0.3, swing=0.0, seventh=0.1,
        odds={"drums": 0.97, "bass": 1.0, "lead": 0.9, "arp": 0.55},
        programs={
            "bass": (33, 38, 34), "chords": (0, 90, 27, 5), "lead": (81, 0, 73), "arp": (27, 80, 11),
            "drums": (0, 8, 24),
        },
        major_turns=("C G Am F", "F C G Am", "Am F C G", "C Am F G", "F G Am C", "C F Fm C"),
        minor_turns=("Am F C G", "Am G F G", "F G Am Am", "Am C G F"),
        bass=("r.....r.r.....r.", "r---r---r---r---", "r..r..r.r..r..r.", "r-------r-----r-"),
        chords=(_HALVES, "x--x--x-x--x--x-", "x---x---x---x---", "x-----x---x-----"),
        lead=("x-x-x---x-x-x---", "x--x--x-x-------", "x-x-x-x-x-------", "..x-x-x-x---x---"),
        arp_rates=(2,),
        grooves=(
            {"kick": "5.......5.......", "closed_hat": "4...4...4...4..."},
            {"kick": "6.......6.6.....", "snare": _BACKBEAT, "closed_hat": _EIGHTHS},
            {"kick": "6..6....6.6.....", "snare": _BACKBEAT, "clap": "....5.......5...",
             "closed_hat": "5.4.5.4.5.4.5.44"},
        ),
        triple=(0.0, 0.06),
    ),
    "rock": Style(
        bpm=(96, 156), minor=0.5, swing=0.0, seventh=0.0,
        odds={"drums": 1.0, "bass": 1.0, "lead": 0.75, "arp": 0.15},
        programs={"bass": (34, 33), "chords": (30, 29, 18), "lead": (30, 29), "arp": (27,), "drums": (16, 0)},
        major_turns=("C F G F", "C G F C", "C Bb F C", "C F C G", "Am F C G"),
        minor_turns=("Am G F G", "Am F G Am", "Am C G F", "Am Dm F E", "Am Am G F"),
        bass=("r.r.r.r.r.r.r.r.", "r-r-r-r-r-r-r-r-", "r-----r-r---r---"),
        chords=("x-x-x-x-x-x-x-x-", "x---x-x---x-x---", "x-------x---x-x-", _WHOLE),
        lead=("x---x-x-x-------", "x-x-x---x-x-x---", "x-----x-x-------"),
        arp_rates=(2,),
        grooves=(
            {"closed_hat": _EIGHTHS, "kick": "5.......5......."},
            {"kick": "6.......6.6.....", "snare": _BACKBEAT, "closed_hat": _EIGHTHS},
            {"kick": "6.6...6.6.6.....", "snare": _BACKBEAT, "ride": "5.5.5.5.5.5.5.5."},
        ),
        triple=(0.0, 0.08), voicing="power",
    ),
    "funk": Style(
        bpm=(94, 120), minor=0.7, swing=0.12, seventh=0.95,
        odds={"drums": 1.0, "bass": 1.0, "lead": 0.7, "arp": 0.4},
        programs={"bass": (36, 33), "chords": (27, 4, 16), "lead": (56, 65, 66), "arp": (28,), "drums": (8, 0)},
        major_turns=("C F C F", "C Bb F C", "Dm G Dm G", "F Em Dm C"),
        minor_turns=("Am D Am D", "Am Dm Am Em", "Dm G Am Am", "Am Am D D", "F G Am Am"),
        bass=("r..r..o.r..r.fo.", "r.....r.o.r..r..", "r.r...o...r.f.o.", "r..o..r...r.o.r."),
        chords=("..x...x...x...x.", "x..x....x..x....", "....x..x....x..x", "x.xx..x.x.xx..x."),
        lead=("x.x..x.x....x.x.", "....x.xx.x..x...", "x..x..x.....x.x."),
        arp_rates=(1, 2),
        grooves=(
            {"closed_hat": "4.4.4.4.4.4.4.4.", "kick": "5.........5....."},
            {"kick": "6..5......6..5..", "snare": "....6..2.2..6..2", "closed_hat": "5.4.5.4.5.4.5.4."},
            {"kick": "6.6...5...6..5..", "snare": "....6..2.2.26..2", "closed_hat": "5445544554455445",
             "open_hat": "......4........."},
        ),
    ),
    "jazz": Style(
        bpm=(84, 160), minor=0.45, swing=1.0, seventh=1.0,
        odds={"drums": 0.9, "bass": 1.0, "lead": 0.9, "arp": 0.1},
        programs={"bass": (32,), "chords": (0, 26), "lead": (66, 59, 11, 65, 26), "arp": (11,), "drums": (32, 40)},
        major_turns=("Dm G C Am", "C Am Dm G", "C D Dm G", "F Fm Em A", "Em A Dm G"),
        minor_turns=("Am Dm G C", "Bm7b5 E Am Am", "Am F Bm7b5 E", "Am D Dm E"),
        bass=(_WALK, _WALK, "r-------f-------", "r---w---f---w---"),
        chords=("x-----x---------", "......x-......x-", "x---------x-----", "....x-........x-"),
        lead=("x--xx-x---x-x---", "..x-x--xx---....", "x-x-x-x-x-------", "x---x--x-xx-x---", "......x-x-x-x-x-"),
        arp_rates=(2,),
        grooves=(
            {"ride": "4...4...4...4..."},
            {"ride": "5...5..45...5..4", "closed_hat": "....4.......4...", "kick": "4.......4......."},
            {"ride": "5...5..45...5..4", "closed_hat": "....5.......5...", "kick": "4..4..4.4.....4.",
             "snare": "......2....2..2."},
        ),
        triple=(0.18, 0.0), triple_drums="brushes",
    ),
    "acoustic": Style(
        bpm=(80, 126), minor=0.3, swing=0.1, seventh=0.08,
        odds={"drums": 0.5, "bass": 0.9, "lead": 0.75, "arp": 0.4},
        programs={
            "bass": (32, 33), "chords": (25, 24), "lead": (73, 22, 40, 79), "arp": (24, 46, 21), "drums": (40, 129),
        },
        major_turns=("C G Am F", "C F C G", "C F Am G", "F C G C", "C Em F G", "C C F G", "C D F C"),
        minor_turns=("Am F C G", "Am G F G", "Am C G Am", "Am Dm Am E"),
        bass=("r---....f---....", "r---r---f---f---", "r-----r-f-------"),
        chords=("x---x-x---x-x-x-", "x-----x-x-----x-", "x---x---x---x-x-"),
        lead=("x-x-x---x-x-x---", "x---x-x-x-------", "x---x---x-x-x-x-"),
        arp_rates=(2,),
        grooves=(
            {"ride": "3...3...3...3..."},
            {"kick": "6.......5.......", "snare": "....4..2....4...", "ride": "3.3.3.3.3.3.3.3."},
            {"kick": "6...5...6...5...", "clap": "....5.......5...", "closed_hat": "4.3.4.3.4.3.4.3."},
        ),
        triple=(0.15, 0.15), triple_drums="brushes",
    ),
    "latin": Style(
        bpm=(88, 128), minor=0.55, swing=0.0, seventh=0.45,
        odds={"drums": 1.0, "bass": 1.0, "lead": 0.8, "arp": 0.5},
        programs={"bass": (32, 33), "chords": (0, 24), "lead": (56, 73, 26, 59), "arp": (24, 11, 12), "drums": (128,)},
        major_turns=("C F G F", "C Am Dm G", "Dm G C C", "C F C G"),
        minor_turns=("Am Dm E Am", "Am G F E", "Am Dm G C", "Dm Am E Am"),
        bass=("r.....f-....o-..", "......f-....r-..", "r-----f-r-----f-", "r..r..f.r..r..f."),
        chords=("x..x..x...x.x...", "x.x..x.x.x.x..x.", "..x...x...x...x.", "x--x--x---x-x---"),
        lead=("x.x..x.x--......", "x--x--x---x-x---", "..x.x.x-x---....", "x-x-x---x-------"),
        arp_rates=(2, 1),
        grooves=(
            {"closed_hat": "4.3.4.3.4.3.4.3.", "tom_low": "............4.4."},
            {"closed_hat": "4.3.4.3.4.3.4.3.", "tom_high": "....5.......5...", "tom_low": "..3.......3...55",
             "clap": "5..5..5...5.5..."},
            {"closed_hat": "4.344.344.344.34", "tom_high": "..4.5..4..4.5...", "tom_low": "......4.......55",
             "clap": "5..5..5...5.5...",
             "kick": "6.....5.6.....5."},
        ),
    ),
}  # fmt: skip
