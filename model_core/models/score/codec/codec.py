"""Score codec: defines the times of latent frames, and converts latents to notes and sound."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve, draw_peaks
from model_core.models.score.codec.grid import BEATS_PER_FRAME, build_grid_condition, curve_to_frames, frames_to_beats
from model_core.models.score.codec.notes import Note, build_notes, build_riser_envelope, step_times
from model_core.models.score.codec.score import Score
from model_core.models.score.codec.vae import BeatVAE, from_beats
from model_core.models.score.render.mix import dry_mix, find_trims, mix
from model_core.models.score.render.synth import load_bank, render_stems
from model_core.plan.plan import ScorePlan

SAMPLE_RATE: Final = 44100
PREVIEW_RATE: Final = 22050
_SHORTEST_FADE_S: Final = 0.35
_LONGEST_FADE_S: Final = 2.5
_RELEASE: Final = 0.4  # share of the last fade in which held notes are released
_LEAST_NOTE_S: Final = 0.1


@dataclass(frozen=True)
class RenderedScore:
    """A rendered score.

    Attributes:
        score: notes on the grid.
        notes: the same notes in seconds.
        audio: stereo mix before loudness normalization, shape (2, duration * SAMPLE_RATE).
    """

    score: Score
    notes: list[Note]
    audio: NDArray[np.float32]


class ScoreCodec:
    """Conversion of latents, of two beats per frame, to a score and its sound."""

    def __init__(self, vae: BeatVAE) -> None:
        """Load the instrument bank at both sample rates, so that the first score does not have to wait for it."""
        self.vae = vae
        load_bank(SAMPLE_RATE)
        load_bank(PREVIEW_RATE)

    def grid(self, plan: ScorePlan) -> torch.Tensor:
        """Grid channels of the plan, shape (GRID_CHANNELS, F)."""
        return build_grid_condition(plan.tempo.beat_in_bar, plan.tempo.last_beat)

    def curve(self, plan: ScorePlan, curve: EventCurve) -> torch.Tensor:
        """Event curve of the video for the flow: its peaks, eight values per frame, shape (CURVE_CHANNELS, F)."""
        steps = step_times(plan.tempo.beat_times, plan.header.swing)[:-1]
        return curve_to_frames(draw_peaks(curve.peaks(), steps))

    @torch.no_grad()
    def decode_score(self, latents: torch.Tensor, plan: ScorePlan) -> Score:
        """Decode latents (C, F) to a score with the parts of the header."""
        logits = self.vae.decode(frames_to_beats(latents)).numpy()
        return from_beats(logits, plan.tempo.beat_in_bar).keep_only(plan.header.parts)

    def frame_edges(self, plan: ScorePlan) -> NDArray[np.float64]:
        """See Codec.frame_edges: a frame is two beats of the plan's tempo map."""
        return plan.tempo.beat_times[::BEATS_PER_FRAME]

    def preview(self, score: Score, plan: ScorePlan) -> NDArray[np.float32]:
        """Render a fast dry mono mix at PREVIEW_RATE for event matching, shape (plan.duration * PREVIEW_RATE,)."""
        notes = build_rendered_notes(score, plan)
        length = round(plan.duration * PREVIEW_RATE)
        audio = np.zeros(length, np.float32)
        if notes:
            played = render_stems(notes, plan.duration, PREVIEW_RATE, tail=0.0)
            mixed = dry_mix(played, find_trims(notes), plan.header.style)[:length]
            audio[: len(mixed)] = mixed
        return audio

    def render(self, score: Score, plan: ScorePlan) -> RenderedScore:
        """Render a score that is silent at the plan's duration.

        A fade of a few seconds at most follows the last onset. Notes that would sound until the end are released during
        it.
        """
        beat_times, header = plan.tempo.beat_times, plan.header
        notes = build_rendered_notes(score, plan)
        fade = _fade_s(notes, plan.duration)
        release = plan.duration - _RELEASE * fade
        played = [
            replace(note, end=min(note.end, max(release, note.start + _LEAST_NOTE_S), plan.duration)) for note in notes
        ]
        length = round(plan.duration * SAMPLE_RATE)
        riser = build_riser_envelope(score, step_times(beat_times, header.swing), SAMPLE_RATE, length)
        sound = render_stems(played, plan.duration, SAMPLE_RATE, tail=0.0)
        audio = mix(sound, find_trims(played), riser, SAMPLE_RATE, plan.seed, header.style)
        return RenderedScore(score, played, _fade_out(audio, length, fade))


def build_rendered_notes(score: Score, plan: ScorePlan) -> list[Note]:
    """Build the notes of a score in seconds, without those that begin after the plan's duration."""
    notes = build_notes(score, plan.header, plan.tempo.beat_times, plan.key)
    return [note for note in notes if note.start < plan.duration]


def _fade_s(notes: list[Note], duration: float) -> float:
    """Length of the last fade in seconds: the time after the last onset, within bounds."""
    last = max((note.start for note in notes), default=0.0)
    return min(duration, max(_SHORTEST_FADE_S, min(_LONGEST_FADE_S, duration - last - _LEAST_NOTE_S)))


def _fade_out(audio: NDArray[np.float32], length: int, fade_s: float) -> NDArray[np.float32]:
    """First ``length`` samples with a fade-out along a quarter of a cosine."""
    faded = np.zeros((2, length), np.float32)
    kept = min(length, audio.shape[1])
    faded[:, :kept] = audio[:, :kept]
    fade = min(length, round(fade_s * SAMPLE_RATE))
    faded[:, length - fade :] *= np.cos(np.linspace(0, np.pi / 2, fade)).astype(np.float32)
    return faded
