"""Music for the screen: trailer, orchestral, tension, ambient, piano, corporate and comedy."""

from typing import Final

from model_core.training.composer.styles.style import Style

HELD: Final = "r---------------"
WHOLE: Final = "x---------------"
HALVES: Final = "x-------x-------"
QUARTERS: Final = "x---x---x---x---"

SCREEN: Final[dict[str, Style]] = {
    "trailer": Style(
        bpm=(84, 148), minor=0.85, swing=0.0, seventh=0.0,
        odds={"drums": 0.97, "bass": 1.0, "lead": 0.8, "arp": 0.75},
        programs={
            "bass": (43, 48, 58), "chords": (48, 61, 52), "lead": (60, 57, 56), "arp": (48, 48, 45), "drums": (48,),
        },
        major_turns=("C G Am F", "F G Am C", "C Bb F C", "Am F C G"),
        minor_turns=("Am F C G", "Am F Dm E", "Am G F E", "Am C G Dm", "Am F Bb E"),
        bass=("r---r---r---r---", "r.r.r.r.r.r.r.r.", "r--r--r-r--r--r-", HELD),
        chords=("x-x-x-x-x-x-x-x-", "x--x--x-x--x--x-", QUARTERS, WHOLE),
        lead=("x-------x-------", "x-----x-x-------", "x-----------x---", "x---x---x-------"),
        arp_rates=(1, 2),
        grooves=(
            {"tom_low": "6.......6......."},
            {"tom_low": "6..5..5.6..5..5.", "kick": "6.......6.......", "tom_high": "............4.4."},
            {"tom_low": "6.4.6.4.6.446.4.", "tom_high": "..4...4...4...44", "kick": "7...5...7...5..."},
        ),
        triple=(0.0, 0.2), triple_drums="toms",
    ),
    "orchestral": Style(
        bpm=(66, 124), minor=0.4, swing=0.0, seventh=0.1,
        odds={"drums": 0.5, "bass": 0.95, "lead": 0.95, "arp": 0.65},
        programs={
            "bass": (43, 48), "chords": (48, 49, 52), "lead": (40, 60, 73, 68), "arp": (46, 45, 48), "drums": (48,),
        },
        major_turns=("C G Am F", "C F Am G", "F G Am C", "C Am F G", "C D F G", "C F Fm C", "C Ab Bb C"),
        minor_turns=("Am F C G", "Am C G Dm", "Am F Dm E", "Am Dm F E", "Am G F E", "F G Am Am"),
        bass=(HELD, "r-------r-------", "r-------f-------", "r---f---r---f---"),
        chords=(WHOLE, HALVES, "x-------x---x---"),
        lead=("x-------x---x---", "x-----x-x-------", "x---x---x-------", "x--xx---x---x---", "x-------x-x-x-x-"),
        arp_rates=(2, 2, 4),
        grooves=(
            {"tom_low": "5..............."},
            {"tom_low": "5.......4.......", "snare": "............3.3."},
            {"tom_low": "6.......5...5...", "snare": "4..44...4..4443.", "kick": "6.......6......."},
        ),
        triple=(0.2, 0.12), triple_drums="toms", slow=True, voicing="open",
    ),
    "tension": Style(
        bpm=(72, 128), minor=0.97, swing=0.0, seventh=0.1,
        odds={"drums": 0.65, "bass": 1.0, "lead": 0.4, "arp": 0.8},
        programs={
            "bass": (43, 39, 48), "chords": (48, 49, 91), "lead": (42, 71, 70), "arp": (48, 45, 46), "drums": (48,),
        },
        major_turns=("Am F Am E", "Dm Am F G"),
        minor_turns=("Am Am F F", "Am F Am E", "Am Am Bb Am", "Am Dm Am E", "Am Em Am F", "Am Am Ab Am"),
        bass=(HELD, HELD, "r.r.r.r.r.r.r.r.", "r-..r-..r-..r-.."),
        chords=(WHOLE, "x-x-x-x-x-x-x-x-", "xxxxxxxxxxxxxxxx"),
        lead=("x-----------x---", "x---------------", "....x-------x---"),
        arp_rates=(1, 1, 2),
        grooves=(
            {"tom_low": "5.....4........."},
            {"kick": "5.....5.........", "tom_low": "........4.....4.", "closed_hat": "3...3...3...3..."},
            {"kick": "6...6...6...6...", "closed_hat": "4.3.4.3.4.3.4.3.", "tom_low": "......4.......4."},
        ),
        triple=(0.0, 0.15), triple_drums="toms", slow=True,
    ),
    "ambient": Style(
        bpm=(58, 88), minor=0.4, swing=0.0, seventh=0.7,
        odds={"drums": 0.08, "bass": 0.85, "lead": 0.55, "arp": 0.75},
        programs={
            "bass": (39, 48), "chords": (91, 89, 48, 52), "lead": (73, 11, 75), "arp": (46, 10, 11), "drums": (0,),
        },
        major_turns=("C F C F", "C Am F C", "F C Dm C", "C Em F C", "C G F F", "C Bb F C"),
        minor_turns=("Am F Am F", "Am Em F F", "Am C F Am", "Dm Am F Am"),
        bass=(HELD, "r-----------f---"),
        chords=(WHOLE,),
        lead=("x-------x-------", "x-----------x---", "x---------------"),
        arp_rates=(2, 4),
        grooves=(
            {"ride": "....3.......3..."},
            {"kick": "5.......4.......", "ride": "....3.......3..."},
            {"kick": "5.......4.......", "ride": "..3...3...3...3."},
        ),
        triple=(0.1, 0.1), triple_drums="brushes", slow=True, voicing="open",
    ),
    "piano": Style(
        bpm=(62, 112), minor=0.5, swing=0.0, seventh=0.3,
        odds={"drums": 0.0, "bass": 0.0, "lead": 0.95, "arp": 0.6},
        programs={"bass": (32, 43), "chords": (0,), "lead": (0,), "arp": (0,), "drums": (0,)},
        major_turns=("C G Am F", "C Am F G", "F C Dm G", "C Em F G", "C F Am G", "C F Fm C", "C D F C"),
        minor_turns=("Am F C G", "Am Em F C", "Am Dm G C", "Am F Dm E", "Am C F E"),
        bass=(HELD, "r-------f-------"),
        chords=(WHOLE, HALVES, QUARTERS),
        lead=("x---x---x-------", "x-x-x---x---x---", "x-----x-x-------"),
        arp_rates=(2,),
        grooves=({}, {}, {}),
        triple=(0.18, 0.12), slow=True,
    ),
    "corporate": Style(
        bpm=(96, 128), minor=0.1, swing=0.0, seventh=0.2,
        odds={"drums": 0.9, "bass": 0.95, "lead": 0.55, "arp": 0.9},
        programs={
            "bass": (33, 32), "chords": (0, 25, 48), "lead": (0, 11, 81), "arp": (28, 27, 12, 9),
            "drums": (0, 8),
        },
        major_turns=("C G Am F", "F C G Am", "C F Am G", "F G C C", "C Em F G"),
        minor_turns=("Am F C G", "F C G Am"),
        bass=("r---r---r---r---", "r-------r-----r-", "r.r.r.r.r.r.r.r."),
        chords=(WHOLE, HALVES, "x-----x-----x---"),
        lead=("x---x---x-------", "x-----x-x---x---", "x-x-x---x-------"),
        arp_rates=(2, 2, 1),
        grooves=(
            {"closed_hat": "4...4...4...4..."},
            {"kick": "6.......6.......", "clap": "....5.......5...", "closed_hat": "4.3.4.3.4.3.4.3."},
            {"kick": "6...6...6...6...", "clap": "....6.......6...", "open_hat": "..4...4...4...4."},
        ),
    ),
    "comedy": Style(
        bpm=(96, 152), minor=0.35, swing=0.35, seventh=0.15,
        odds={"drums": 0.55, "bass": 1.0, "lead": 0.95, "arp": 0.55},
        programs={
            "bass": (58, 32, 43), "chords": (48, 0, 6), "lead": (70, 71, 79, 59), "arp": (45, 13, 12),
            "drums": (0, 129),
        },
        major_turns=("C G C G", "C D G C", "C F G C", "C Am D G", "C C F Fm"),
        minor_turns=("Am E Am E", "Am Dm E Am", "Am F E Am", "Am Am Dm E"),
        bass=("r...f...r...f...", "r...f...r...f.o.", "r.....f.r.....f."),
        chords=("....x.......x...", "..x...x...x...x.", "....x.......x.x."),
        lead=("x.x.x.x.x...x...", "x..xx.x.x.......", "x...x.x.x.x.x...", "..x.x.x.x...x..."),
        arp_rates=(2,),
        grooves=(
            {"closed_hat": "..3...3...3...3."},
            {"kick": "5.......5.......", "closed_hat": "..4...4...4...4.", "clap": "....3.......3..."},
            {"kick": "6.......6.......", "snare": "....5.......5.44", "closed_hat": "4.3.4.3.4.3.4.3."},
        ),
        triple=(0.25, 0.05), triple_drums="brushes", staccato=True,
    ),
}  # fmt: skip
