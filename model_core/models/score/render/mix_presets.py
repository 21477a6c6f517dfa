"""How each style is mixed: levels, places, rooms and air. A style without a mix of its own gets DEFAULT."""

from typing import Final, NamedTuple


class Strip(NamedTuple):
    """A role's channel strip: level in dB, pan -1 (left) .. 1, width 0..1, and its share in the reverb."""

    level_db: float
    pan: float
    width: float
    send: float


class Room(NamedTuple):
    """A reverb.

    Attributes:
        decay_s: time in which its dark part falls by 8.7 dB; the bright part dies 2.5 times as fast.
        bright_hz, dark_hz: where the two parts end.
        size_s: within this time the first reflections come.
        predelay_s: silence before all of it.
    """

    decay_s: float
    bright_hz: float
    dark_hz: float
    size_s: float
    predelay_s: float


class Mix(NamedTuple):
    """Strips of the roles, their room, and the gain of all above about 4 kHz, dB."""

    strips: dict[str, Strip]
    room: Room
    air_db: float


_PLATE: Final = Room(0.4, 6500, 2400, 0.045, 0.014)
_HALL: Final = Room(0.62, 6000, 2600, 0.08, 0.028)
_CATHEDRAL: Final = Room(0.8, 5200, 2200, 0.1, 0.035)
_CHAMBER: Final = Room(0.3, 6000, 2600, 0.035, 0.012)
_CLUB: Final = Room(0.17, 8000, 3500, 0.022, 0.008)
_BOOTH: Final = Room(0.09, 7000, 3200, 0.012, 0.003)
_DUSTY: Final = Room(0.2, 3000, 1500, 0.025, 0.008)

_USUAL: Final = {
    "bass": Strip(-3.0, 0.0, 0.0, 0.04),
    "chords": Strip(-4.0, -0.12, 0.4, 0.24),
    "lead": Strip(0.0, 0.1, 0.12, 0.26),
    "arp": Strip(-5.0, 0.3, 0.3, 0.22),
    "drums": Strip(-2.5, 0.0, 0.1, 0.1),
    "impact": Strip(0.0, 0.0, 0.15, 0.3),
}
DEFAULT: Final = Mix(_USUAL, _PLATE, 0.0)


def _mix(room: Room, wet: float = 1.0, air: float = 0.0, wide: float = 1.0, **gains: float) -> Mix:
    """The usual strips with other gains (dB more), all sends times ``wet`` and all widths times ``wide``."""
    strips = {
        role: Strip(strip.level_db + gains.get(role, 0.0), strip.pan, strip.width * wide, strip.send * wet)
        for role, strip in _USUAL.items()
    }
    return Mix(strips, room, air)


# The gains even out what the styles' patterns, registers and programs do to the usual levels: where it plays, the lead
# is to be 1 to 3 dB above bass and chords and 4 to 6 above the arp, and the drums where the style wants them.
MIXES: Final = {
    "trailer": _mix(_HALL, 1.2, air=5.0, wide=1.2, bass=1, arp=1, drums=0.5, impact=2.5),
    "orchestral": _mix(_HALL, 1.4, air=4.0, wide=1.1, bass=0, arp=1.5, drums=1.5, impact=1.5),
    "tension": _mix(_HALL, 1.3, air=5.0, wide=1.2, bass=0.5, chords=-1, lead=-1.5, arp=1, drums=1, impact=1.5),
    "ambient": _mix(_CATHEDRAL, 1.7, air=2.0, wide=1.0, chords=-3.5, lead=-1, arp=4, drums=-1),
    "piano": _mix(_CHAMBER, 1.0, air=1.5, wide=0.8, arp=3),
    "corporate": _mix(_CHAMBER, 0.9, air=0.0, bass=1, chords=-2, arp=2, drums=-2.5, impact=1.5),
    "comedy": _mix(_CLUB, 0.8, air=0.5, wide=0.9, bass=2.5, chords=2, lead=3, arp=1, drums=1, impact=1.5),
    "synthwave": _mix(_PLATE, 1.1, air=0.0, wide=1.4, bass=3, chords=-3, lead=0.5, arp=3, drums=1.5, impact=1.5),
    "house": _mix(_CLUB, 0.8, air=-1.0, wide=1.3, bass=3.5, chords=-1, lead=1, arp=1, impact=1),
    "hiphop": _mix(_BOOTH, 0.7, air=0.0, wide=0.9, bass=3, chords=-3, lead=1, arp=1, drums=-3, impact=1.5),
    "lofi": _mix(_DUSTY, 0.9, air=-5.0, wide=0.9, bass=2.5, chords=-1.5, lead=1, drums=-1, impact=1.5),
    "chiptune": _mix(_BOOTH, 0.5, air=-1.0, wide=1.3, bass=2.5, chords=1, lead=1, arp=2, impact=2),
    "pop": _mix(_PLATE, 0.8, air=0.0, wide=1.2, bass=2.5, chords=-1, lead=1, arp=2.5, drums=-2, impact=1.5),
    "rock": _mix(_CLUB, 0.9, air=0.0, wide=1.6, bass=1.5, chords=-4, lead=1),
    "funk": _mix(_BOOTH, 0.8, air=-0.5, wide=0.9, bass=3, chords=1, lead=2, arp=1, drums=0, impact=2),
    "jazz": _mix(_CLUB, 1.0, air=-1.0, wide=0.8, bass=2.5, chords=-3, lead=1, drums=-3),
    "acoustic": _mix(_CHAMBER, 0.8, air=0.0, bass=2, drums=1),
    "latin": _mix(_CHAMBER, 0.7, air=-0.5, bass=3.5, chords=2, lead=2, drums=1, impact=1.5),
}  # fmt: skip


def mix_of(style: str | None) -> Mix:
    """The mix of a style; DEFAULT for one that has none, as older models' may be, and for None."""
    return DEFAULT if style is None else MIXES.get(style, DEFAULT)
