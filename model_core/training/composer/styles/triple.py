"""Patterns and grooves of 3/4 and 6/8, twelve sixteenths a bar, shared by the styles that have pieces in them."""

from dataclasses import dataclass
from typing import Final

from model_core.training.composer.styles.style import Grooves


@dataclass(frozen=True)
class Triple:
    """What takes the place of a style's own patterns: bass, chords, lead and grooves as in Style, rates of the arp."""

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
