"""Tempo map: times of the beats, bent by at most 4 % so that half-beats meet the strongest events of the video.

This is how film composers set hit points: first a base tempo is chosen near the requested one, then each segment
between two hit points is played a little faster or slower. Events that need more bending are not met.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.plan.events import Events

MAX_BEND: Final = 0.04
TEMPO_SPREAD: Final = 0.08
"""Largest deviation of the base tempo from the header's, as a share, unless the prompt names a tempo."""
_BASE_TEMPI: Final = 33
_LOOK_BACK: Final = 24  # events that one segment may skip; keeps the search linear in their number
_OFF_BEAT_WORTH: Final = 0.75  # worth of a hit point on a half-beat; 1 on a beat
_BEND_COST: Final = 6.0
_BASE_COST: Final = 3.0
_LEAST_GAP_BEATS: Final = 1
_END_COST: Final = 0.3  # cost of one beat between the end of the last beat and of the video
_BAR_STRENGTH: Final = 0.6
_LEAST_BAR_BEATS: Final = 3


@dataclass(frozen=True)
class TempoMap:
    """Times of the beats, and their places in bars.

    Attributes:
        beat_times: seconds of each beat and of the end of the last one, shape (N + 1,), from 0.
        beat_in_bar: shape (N,), from 0; a new bar begins at the beat of a strong hit point.
        last_beat: number of beats until the end of the music; beats after it are padding.
        hit_points: times of the events that are met, in seconds, shape (H,): exactly on a beat, or within 15 ms of a
            half-beat, because the tempo is constant within a beat.
    """

    beat_times: NDArray[np.float64]
    beat_in_bar: NDArray[np.int8]
    last_beat: int
    hit_points: NDArray[np.float64]

    @property
    def bpm(self) -> float | None:
        """Mean tempo in beats a minute; None where there are fewer than two beats, which have no audible tempo."""
        return 60 / float(np.diff(self.beat_times).mean()) if self.last_beat >= 2 else None


@dataclass(frozen=True)
class _Anchor:
    """A time with its place on the grid; ``event`` is the number of its event, 0 for the start of the piece."""

    event: int
    seconds: float
    half_beats: int
    worth: float
    before: "_Anchor | None" = None


@dataclass(frozen=True)
class TempoLimits:
    """Largest deviations of a tempo map, as shares of the tempo.

    Attributes:
        bend: deviation of a segment between two hit points from the base tempo.
        spread: deviation of the base tempo from the requested one.
    """

    bend: float = MAX_BEND
    spread: float = TEMPO_SPREAD


def steady_tempo_map(
    duration: float, bpm: float, limits: TempoLimits = TempoLimits(), beats_per_bar: int = 4
) -> TempoMap:
    """Build a map with a steady tempo over ``duration`` seconds.

    The tempo is close to ``bpm`` so that the last beat ends with the video. Where ``limits`` does not allow that, it
    is ``bpm`` and the last beat is cut short.
    """
    last = max(1, round(duration * bpm / 60))
    if limits.spread > 0 or abs(last * 60 / (duration * bpm) - 1) <= limits.bend:
        return _build_map(np.linspace(0, duration, last + 1), [], np.zeros(0), beats_per_bar)
    last = max(1, int(np.ceil(duration * bpm / 60)))
    return _build_map(np.arange(last + 1) * 60 / bpm, [], np.zeros(0), beats_per_bar)


def find_tempo_map(
    duration: float, bpm: float, events: Events, limits: TempoLimits = TempoLimits(), beats_per_bar: int = 4
) -> TempoMap:
    """Find the best map: many strong events on beats or half-beats, little bending, a base tempo close to ``bpm``.

    Args:
        duration: length of the video in seconds.
        bpm: requested tempo.
        events: events of the video; those within half a second of its ends are ignored.
        limits: largest deviations.
        beats_per_bar: quarter notes in a whole bar.
    """
    inside = (events.times > 0.5) & (events.times < duration - 0.5)
    met = Events(events.times[inside], events.strengths[inside])
    searched = [
        (_best_path(met, duration, 60 / (bpm * ratio), limits.bend), _BASE_COST * abs(ratio - 1))
        for ratio in np.unique(np.linspace(1 - limits.spread, 1 + limits.spread, _BASE_TEMPI)).tolist()
    ]
    found = [(path.worth - cost, path) for path, cost in searched if path is not None]
    if not found:
        return steady_tempo_map(duration, bpm, limits, beats_per_bar)
    end: _Anchor | None = max(found, key=lambda pair: pair[0])[1]
    anchors: list[_Anchor] = []
    while end is not None:
        anchors.insert(0, end)
        end = end.before
    hits = anchors[1:-1]
    if not hits:
        return steady_tempo_map(duration, bpm, limits, beats_per_bar)
    half_beats = [anchor.half_beats for anchor in anchors]
    last = half_beats[-1] // 2
    beat_times = np.interp(2 * np.arange(last + 1), half_beats, [anchor.seconds for anchor in anchors])
    strong = [hit for hit in hits if hit.half_beats % 2 == 0 and met.strengths[hit.event - 1] >= _BAR_STRENGTH]
    bars = [hit.half_beats // 2 for hit in strong]
    return _build_map(beat_times, bars, np.array([hit.seconds for hit in hits]), beats_per_bar)


def _best_path(events: Events, duration: float, beat: float, most: float) -> _Anchor | None:
    """Dynamic programming over events and the parity of their half-beats, up to the beat next to the video's end."""
    at = [0.0, *events.times.tolist()]
    worth = [0.0, *events.strengths.tolist()]
    half = beat / 2
    paths: list[dict[int, _Anchor]] = [{0: _Anchor(0, 0.0, 0, 0.0)}]
    for event in range(1, len(at)):
        best: dict[int, _Anchor] = {}
        for before in range(max(0, event - _LOOK_BACK), event):
            gap = at[event] - at[before]
            steps = round(gap / half)
            bend = abs(gap / (steps * half) - 1) if steps else 1.0
            if steps < 2 * _LEAST_GAP_BEATS or bend > most:
                continue
            cost = _BEND_COST * bend * gap / duration
            for path in paths[before].values():
                half_beats = path.half_beats + steps
                gain = worth[event] * (_OFF_BEAT_WORTH if half_beats % 2 else 1.0)
                anchor = _Anchor(event, at[event], half_beats, path.worth + gain - cost, path)
                known = best.get(half_beats % 2)
                if known is None or anchor.worth > known.worth:
                    best[half_beats % 2] = anchor
        paths.append(best)
    reached = [path for by_parity in paths[-_LOOK_BACK - 1 :] for path in by_parity.values()]
    ends = [_append_end(path, duration, half, most) for path in reached]
    return max((end for end in ends if end is not None), key=lambda end: end.worth, default=None)


def _append_end(path: _Anchor, duration: float, half: float, most: float) -> _Anchor | None:
    """Append the last segment to a path: whole beats, bent within the limit, to within about a beat of the end."""
    gap = duration - path.seconds
    best: _Anchor | None = None
    for steps in range(max(2, round(gap / half) - 1), round(gap / half) + 3):
        if (path.half_beats + steps) % 2:
            continue
        natural = steps * half
        length = min(max(gap, natural * (1 - most)), natural * (1 + most))
        cost = _BEND_COST * abs(length / natural - 1) * gap / duration + _END_COST * abs(length - gap) / (2 * half)
        if best is None or path.worth - cost > best.worth:
            best = _Anchor(-1, path.seconds + length, path.half_beats + steps, path.worth - cost, path)
    return best


def _build_map(
    beat_times: NDArray[np.float64], bars: list[int], hits: NDArray[np.float64], beats_per_bar: int
) -> TempoMap:
    last = len(beat_times) - 1
    if last % 2:  # two beats a latent frame
        beat_times = np.append(beat_times, 2 * beat_times[-1] - beat_times[-2])
    starts = set(bars)
    beat_in_bar = np.zeros(len(beat_times) - 1, np.int8)
    since = 0
    for beat in range(len(beat_in_bar)):
        if beat and (since + 1 >= min(_LEAST_BAR_BEATS, beats_per_bar - 1) and beat in starts):
            since = -1
        since = (since + 1) % beats_per_bar if beat else 0
        beat_in_bar[beat] = since
    return TempoMap(beat_times, beat_in_bar, last, hits)
