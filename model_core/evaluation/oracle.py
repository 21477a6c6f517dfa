"""Upper bound of sync: corpus pieces measured at the peaks of their own event curve.

`python -m model_core.evaluation.oracle --pieces 36 --encoder spectral --encoder musicnn` renders pieces of the training
corpus as the product does, takes the highest peaks of each one's music curve for the events of a video, as many as the
composer planted, and measures the sound at them. A model that learns from the curve cannot be better than this, so the
encoder whose peaks stand out to a listener is the one to train with. `planted` is the row of the composer's own events.
"""

import argparse
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve
from model_core.encoders.log_mel_chroma import LogMelChroma
from model_core.encoders.musicnn import Musicnn
from model_core.loudness import normalize
from model_core.models.score.codec.notes import build_notes, build_riser_envelope, step_times
from model_core.models.score.codec.score import STEPS_PER_BEAT
from model_core.models.score.render.mix import find_trims, mix
from model_core.models.score.render.synth import render_stems
from model_core.sync.chance import Figure, Pooled, pool_figures, shift_figure
from model_core.sync.figures import VideoEvents, compute_figures
from model_core.sync.measures import HIT_TOLERANCE_S, count_matches, cut_hit_f1
from model_core.sync.sound import Envelope, SoundFeatures, analyze_sound, strongest_peak_times
from model_core.training.composer import Piece
from model_core.training.corpus import compose_piece, compute_beat_times

log = logging.getLogger("model_core.evaluation")

Audio = NDArray[np.float32]
Floats = NDArray[np.float64]
Curve = Callable[[Audio, int], EventCurve]

SAMPLE_RATE: Final = 44100
BEATS: Final = 64
START_S: Final = 0.5
"""What happens before is the music beginning, and no event."""
PEAK_DISTANCE_S: Final = 0.32
"""As near as the peaks of a video's curve may be."""
PLANTED: Final = "planted"
FIGURES: Final = {
    "f1_onset": "F1 onset",
    "f1_novelty": "F1 novelty",
    "auc_onset": "AUC onset",
    "auc_novelty": "AUC novelty",
    "found": "planted events among the K highest peaks",
    "recall": "recall of all peaks",
    "precision": "precision of all peaks",
}


@dataclass(frozen=True)
class Rendered:
    """One piece as it sounds.

    Attributes:
        audio: stereo, normalised, shape (2, N), at SAMPLE_RATE.
        sound: what is in it.
        planted: when the composer's events fall, START_S and later, seconds, ascending, shape (K,).
    """

    audio: Audio
    sound: SoundFeatures
    planted: Floats


def curves() -> Mapping[str, Callable[[], Curve]]:
    """The encoders that can be compared, each loaded when it is called."""

    def spectral() -> Curve:
        encoder = LogMelChroma()
        return lambda audio, rate: encoder.curve(audio, rate)

    def musicnn() -> Curve:
        encoder = Musicnn()
        return lambda audio, rate: encoder.curve(audio, rate)

    return {"spectral": spectral, "musicnn": musicnn}


def render(piece: Piece, seed: int) -> Rendered:
    """Play a piece in C at its own steady tempo, through the product's mix and loudness."""
    beat_times = compute_beat_times(piece)
    duration = float(beat_times[-1])
    length = round(duration * SAMPLE_RATE)
    times = step_times(beat_times, piece.header.swing)
    notes = build_notes(piece.score, piece.header, beat_times, key=0)
    riser = build_riser_envelope(piece.score, times, SAMPLE_RATE, length)
    wet = mix(render_stems(notes, duration, SAMPLE_RATE), find_trims(notes), riser, SAMPLE_RATE, seed)
    audio = normalize(wet[:, :length], SAMPLE_RATE)
    planted = np.unique([times[round(STEPS_PER_BEAT * event.beat)] for event in piece.events])
    return Rendered(audio, analyze_sound(audio, SAMPLE_RATE), planted[planted >= START_S])


def find_highest(curve: EventCurve, count: int) -> Floats:
    """Times of the `count` highest peaks of a curve from START_S on, ascending, seconds."""
    kept = curve.times >= START_S
    times, values = curve.times[kept], curve.values[kept]
    if len(times) < 3:
        return np.zeros(0)
    rate = 1 / float(np.median(np.diff(times)))
    return float(times[0]) + strongest_peak_times(Envelope(values - values.min(), rate), count, PEAK_DISTANCE_S)


def measure_at(rendered: Rendered, given: Floats) -> dict[str, Figure]:
    """The sound against events that are given to it: the first four of FIGURES, each with its null of shifts."""
    none = np.zeros(0)
    found = compute_figures(rendered.sound, VideoEvents(rendered.sound.duration, given, none, motion_window_s=0.0))
    return {name: found[name] for name in FIGURES if name in found}


def measure_curve(curve: EventCurve, rendered: Rendered) -> dict[str, Figure]:
    """All of FIGURES for one curve of one piece."""
    planted, duration = rendered.planted, rendered.sound.duration
    top = find_highest(curve, len(planted))
    peaks = curve.peaks().times
    peaks = peaks[peaks >= START_S]

    def share(of: int) -> Callable[[Floats], float]:
        return lambda events: count_matches(events, peaks, HIT_TOLERANCE_S) / max(of, 1)

    return {
        **measure_at(rendered, top),
        "found": shift_figure(lambda events: cut_hit_f1(events, top), planted, duration),
        "recall": shift_figure(share(len(planted)), planted, duration),
        "precision": shift_figure(share(len(peaks)), planted, duration),
    }


def study(pieces: Iterable[Rendered], by_name: Mapping[str, Curve]) -> dict[str, list[dict[str, Figure]]]:
    """The figures of every piece, by encoder; PLANTED last."""
    found: dict[str, list[dict[str, Figure]]] = {name: [] for name in (*by_name, PLANTED)}
    for rendered in pieces:
        for name, curve in by_name.items():
            found[name].append(measure_curve(curve(rendered.audio, SAMPLE_RATE), rendered))
        found[PLANTED].append(measure_at(rendered, rendered.planted))
    return found


def differences(one: Sequence[dict[str, Figure]], other: Sequence[dict[str, Figure]]) -> list[dict[str, Figure]]:
    """Piece by piece, how much higher the first is."""
    return [
        {name: Figure(mine[name].value - its[name].value, mine[name].null - its[name].null) for name in mine}
        for mine, its in zip(one, other, strict=True)
    ]


def table(found: Mapping[str, Sequence[dict[str, Figure]]]) -> list[str]:
    """Markdown: a row a figure, a column an encoder; mean over pieces, 95 % interval over pieces, and chance."""
    lines = [f"| | {' | '.join(found)} |", "|---" * (1 + len(found)) + "|"]
    for name, title in FIGURES.items():
        cells = [_cell([piece[name] for piece in pieces]) if name in pieces[0] else "" for pieces in found.values()]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines


def _cell(figures: Sequence[Figure]) -> str:
    one: Pooled = pool_figures([[figure] for figure in figures])
    return f"**{one.value:.3f}** [{one.low:.3f}, {one.high:.3f}] ({one.null_mean:.2f})"


def render_pieces(seeds: range) -> Iterator[Rendered]:
    """Pieces of the corpus, styles in turn, that have an event."""
    for seed in seeds:
        rendered = render(compose_piece(seed, BEATS), seed)
        if len(rendered.planted):
            yield rendered
        log.info("piece %d of %d to %d", seed, seeds.start, seeds.stop - 1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and below it the differences between the encoders."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(prog="python -m model_core.evaluation.oracle", description=__doc__)
    parser.add_argument("--pieces", type=int, default=36, help="of the corpus, styles in turn")
    parser.add_argument("--first", type=int, default=0, help="seed of the first piece")
    parser.add_argument("--encoder", action="append", choices=list(curves()), help="again for another (default: all)")
    given = parser.parse_args(arguments)
    names: list[str] = given.encoder or list(curves())
    seeds = range(given.first, given.first + given.pieces)
    found = study(render_pieces(seeds), {name: curves()[name]() for name in names})
    print("\n".join(table(found)))
    first, *others = names
    if others:
        print()
        print("\n".join(table({f"{name} - {first}": differences(found[name], found[first]) for name in others})))


if __name__ == "__main__":
    main()
