"""Tempo and meter named in a prompt."""

import re
from typing import Final

from model_core.plan.header import BPM_RANGE

SLOW_BPM: Final = 84.0
FAST_BPM: Final = 116.0
_UNIT: Final = r"(?:bpm|beats per minute)\b"
_NUMBER: Final = r"(\d{2,3}(?:\.\d+)?)"
_SPAN: Final = re.compile(rf"(?<![\d.]){_NUMBER}\s*(?:-|\u2013|to)\s*{_NUMBER}[\s-]*{_UNIT}", re.IGNORECASE)
_BPM: Final = re.compile(
    rf"(?<![\d.]){_NUMBER}[\s-]*{_UNIT}|\b(?:bpm|tempo)(?:\s*[:=]\s*|\s+(?:of\s+)?){_NUMBER}(?![\d.:])", re.IGNORECASE
)
# What is slow or fast in these is the picture or the form, not the music.
_NOT_TEMPO: Final = (
    r"(?![\s-]*(?:mo\b|motion|down\b|build|burn|reveal|fade|start|intro|opening|zoom|pan\b|string|cook|food"
    r"|cuts?\b|cars?\b|changes?\b|forward|edit|lane|fashion|moving|train|boat))"
)
_TEMPI: Final = {
    "slow": re.compile(rf"\b(?:(?:slow){_NOT_TEMPO}|down-?tempo|adagio|largo|unhurried)\b", re.IGNORECASE),
    "middle": re.compile(r"\b(?:mid[\s-]?tempo|(?:medium|moderate)[\s-]tempo)\b", re.IGNORECASE),
    "fast": re.compile(rf"\b(?:(?:fast|quick){_NOT_TEMPO}|up[\s-]?tempo|presto|allegro)\b", re.IGNORECASE),
}
_RANGES: Final = {
    "slow": (BPM_RANGE[0], SLOW_BPM),
    "middle": (SLOW_BPM, FAST_BPM),
    "fast": (FAST_BPM, BPM_RANGE[1]),
}
_METERS: Final = {
    "3/4": r"\bwaltz(?:es|ing)?\b|(?<![\d/])3/4(?![\d/])|\bthree[\s-](?:four|quarter)\b|\btriple (?:meter|metre|time)\b"
    r"|\bin (?:three|3)(?=\s*(?:$|[,.;!)]|time\b))",
    "6/8": r"(?<![\d/])6/8(?![\d/])|\bjigs?\b|\bsix[\s-]eight\b|\bcompound (?:meter|metre|time)\b"
    r"|\bin (?:six|6)(?=\s*(?:$|[,.;!)]))",
    "4/4": r"(?<![\d/])4/4(?![\d/])|\bfour[\s-]four\b|\bcommon time\b",
}


def without_bpm(prompt: str) -> str:
    """The prompt less its figures of tempo: the beats of "beats per minute" are no drums."""
    return _BPM.sub(" ", _SPAN.sub(" ", prompt))


def named_bpm(prompt: str, meter: str | None) -> tuple[float | None, tuple[float, float] | None]:
    """The tempo asked for as one figure, and as a range, as a listener counts it; at most one of them is given.

    Figures outside of what can be played are moved to the nearest end; in 6/8 dotted quarters are counted.
    """
    low, high = (bound / 1.5 for bound in BPM_RANGE) if meter == "6/8" else BPM_RANGE
    if span := _SPAN.search(prompt):
        ends = sorted(min(max(float(end), low), high) for end in span.groups())
        return None, (ends[0], ends[1])
    if figure := _BPM.search(prompt):
        return min(max(float(figure[1] or figure[2]), low), high), None
    return None, None


def tempo_range(text: str) -> tuple[float, float] | None:
    """Least and most bpm that a tempo word allows; None where no word or more than one kind is there."""
    said = [name for name, pattern in _TEMPI.items() if pattern.search(text)]
    return _RANGES[said[0]] if len(said) == 1 else None


def named_meter(text: str) -> str | None:
    """The meter asked for: the first one named."""
    found = [(match.start(), meter) for meter, pattern in _METERS.items() if (match := re.search(pattern, text, re.I))]
    return min(found)[1] if found else None
