"""The tempo map: when each beat falls, bent by at most 4 % so that half-beats meet the strongest video events.

As a film composer sets hit points: the tempo of the whole is fixed first, then each stretch between two hit points
is played a little faster or slower. Events that no small bend can reach are dropped.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.codecs.score.score import BEATS_PER_BAR
from model_core.curves import Events

MAX_BEND: Final = 0.04
_BASE_RANGE: Final = 0.08
_BASES: Final = 41
_OFF_BEAT_WORTH: Final = 0.75  # of a hit point on a half-beat, beside 1 on a beat
_BEND_COST: Final = 6.0
_BASE_COST: Final = 3.0
_LEAST_GAP_BEATS: Final = 1
_END_COST: Final = 0.3  # a beat between the last beat's end and the video's
_BAR_STRENGTH: Final = 0.6
_LEAST_BAR_BEATS: Final = 3


@dataclass(frozen=True)
class TempoMap:
    """Beats in time.

    Attributes:
        beat_times: seconds of each beat and of the end of the last one, shape (N + 1,), from 0.
        beat_in_bar: shape (N,), 0..3; a bar begins anew on the beats of strong hit points.
        last_beat: beats until the music has to have ended; what follows is padding.
        hit_points: seconds of the events met, shape (H,): on a beat exactly, on a half-beat within 15 ms, because the
            tempo is constant within a beat.
    """

    beat_times: NDArray[np.float64]
    beat_in_bar: NDArray[np.int8]
    last_beat: int
    hit_points: NDArray[np.float64]


@dataclass
class _Path:
    worth: float
    seconds: float
    half_beats: int
    before: "tuple[int, int] | None"


def plain_map(duration: float, bpm: float) -> TempoMap:
    """A steady tempo over ``duration`` seconds, close to ``bpm`` so that the last beat ends with the video."""
    last = max(1, round(duration * bpm / 60))
    return _finished(np.linspace(0, duration, last + 1), [], np.zeros(0))


def tempo_map(duration: float, bpm: float, events: Events) -> TempoMap:
    """The map of greatest worth: many strong events on beats or half-beats, little bending, a tempo close to bpm.

    Args:
        duration: of the video, seconds.
        bpm: tempo wished for.
        events: of the video; those within half a second of its ends are left out.
    """
    inside = (events.times > 0.5) & (events.times < duration - 0.5)
    times, strengths = events.times[inside], events.strengths[inside]
    if not len(times):
        return plain_map(duration, bpm)
    best: tuple[float, list[tuple[float, int]]] | None = None
    for ratio in np.linspace(1 - _BASE_RANGE, 1 + _BASE_RANGE, _BASES):
        worth, anchors = _best_anchors(times, strengths, duration, 60 / (bpm * ratio))
        worth -= _BASE_COST * abs(float(ratio) - 1)
        if best is None or worth > best[0]:
            best = worth, anchors
    assert best is not None
    anchors = best[1]
    if len(anchors) < 3:
        return plain_map(duration, bpm)
    seconds, half_beats = (np.array(column) for column in zip(*anchors, strict=True))
    last = max(1, round(int(half_beats[-1]) / 2))
    beat_times = np.interp(2 * np.arange(last + 1), half_beats, seconds)
    hits = seconds[1:-1]
    chosen = strengths[np.searchsorted(times, hits)]
    bars = [int(h // 2) for h, s in zip(half_beats[1:-1], chosen, strict=True) if h % 2 == 0 and s >= _BAR_STRENGTH]
    return _finished(beat_times, bars, hits)


def _best_anchors(
    times: NDArray[np.float64], strengths: NDArray[np.float64], duration: float, beat: float
) -> tuple[float, list[tuple[float, int]]]:
    """Dynamic programming over (event, parity of its half-beat); the last anchor is the beat next to the end."""
    at = np.concatenate([[0.0], times, [duration]])
    worth = np.concatenate([[0.0], strengths, [0.0]])
    half = beat / 2
    end = len(at) - 1
    paths: list[dict[int, _Path]] = [{0: _Path(0.0, 0.0, 0, None)}] + [{} for _ in times] + [{}]
    for j in range(1, end + 1):
        for i in range(j):
            gap = at[j] - at[i]
            count = round(gap / half)
            for steps in (count - 1, count, count + 1) if j == end else (count,):
                if steps < 2 * _LEAST_GAP_BEATS:
                    continue
                natural = steps * half
                reached = float(np.clip(gap, natural * (1 - MAX_BEND), natural * (1 + MAX_BEND)))
                if reached != gap and j != end:
                    continue
                missed = abs(reached - gap) / beat
                cost = _BEND_COST * abs(reached / natural - 1) * gap / duration + _END_COST * missed
                for parity, path in paths[i].items():
                    half_beats = path.half_beats + steps
                    if j == end and half_beats % 2:
                        continue
                    total = path.worth - cost + worth[j] * (1.0 if half_beats % 2 == 0 else _OFF_BEAT_WORTH)
                    known = paths[j].get(half_beats % 2)
                    if known is None or total > known.worth:
                        paths[j][half_beats % 2] = _Path(total, at[i] + reached, half_beats, (i, parity))
    if not paths[end]:
        return float("-inf"), []
    anchors, state = [], (end, max(paths[end], key=lambda parity: paths[end][parity].worth))
    total = paths[end][state[1]].worth
    node: tuple[int, int] | None = state
    while node is not None:
        path = paths[node[0]][node[1]]
        anchors.append((path.seconds, path.half_beats))
        node = path.before
    return total, anchors[::-1]


def _finished(beat_times: NDArray[np.float64], bars: list[int], hits: NDArray[np.float64]) -> TempoMap:
    last = len(beat_times) - 1
    if last % 2:  # two beats a latent frame
        beat_times = np.append(beat_times, 2 * beat_times[-1] - beat_times[-2])
    starts = set(bars)
    beat_in_bar = np.zeros(len(beat_times) - 1, np.int8)
    since = 0
    for beat in range(len(beat_in_bar)):
        if beat and (since + 1 >= _LEAST_BAR_BEATS and beat in starts):
            since = -1
        since = (since + 1) % BEATS_PER_BAR if beat else 0
        beat_in_bar[beat] = since
    return TempoMap(beat_times, beat_in_bar, last, hits)
