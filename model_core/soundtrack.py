"""The result of one score: sound, both curves, notes where the model writes them, and the files made of them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_core.audio.loudness import integrated_lufs, true_peak_dbtp
from model_core.curves.event_curve import EventCurve
from model_core.curves.frame_curve import frame_curve
from model_core.curves.video import curve_json
from model_core.media import VideoInfo, mux, output_suffix, write_wav
from model_core.models.base import Performance, Written
from model_core.models.score.codec.midi import write_midi
from model_core.options import ModelInfo, ProgressCallback

_SPACING_S: Final = 0.1
VARIANTS: Final = ("video", "audio", "midi", "curve", "report")


@dataclass(frozen=True)
class Soundtrack:
    """A scored video's sound.

    Attributes:
        audio: stereo, normalised, as long as the video, shape (2, N).
        performance: what the model made, before loudness was set.
        given_curve: the video's event curve.
        heard_curve: the event curve extracted again from ``audio``.
        video: what the probe found.
        prompt, model: what made it.
    """

    audio: NDArray[np.float32]
    performance: Performance
    given_curve: EventCurve
    heard_curve: EventCurve
    video: VideoInfo
    prompt: str
    model: ModelInfo

    @property
    def sample_rate(self) -> int:
        """Of audio, Hz."""
        return self.performance.sample_rate

    @property
    def written(self) -> Written:
        """The notes and their plan; ValueError for a model that writes none."""
        if self.performance.written is None:
            raise ValueError(f"the model {self.model.title} writes no notes")
        return self.performance.written

    @property
    def curve_correlation(self) -> float:
        """Pearson correlation of given and heard curve at the given curve's times, both seen through the model's own
        window where it has one; 0 where either is flat."""
        given, heard = self.given_curve.values, self.heard_curve.at(self.given_curve.times)
        if window_s := self.performance.curve_window_s:
            times = np.arange(0, self.video.duration, _SPACING_S)
            given, heard = (frame_curve(curve, times, window_s) for curve in (self.given_curve, self.heard_curve))
        if given.std() < 1e-6 or heard.std() < 1e-6:
            return 0.0
        return float(np.corrcoef(given, heard)[0, 1])

    def report(self) -> dict[str, Any]:
        """What was made and how it measures, ready for JSON."""
        events = self.given_curve.peaks()
        return {
            "model": self.model.model_dump(),
            "prompt": self.prompt,
            "options": self.performance.options,
            "video": {"duration_s": self.video.duration, "codec": self.video.video_codec, "fps": self.video.fps},
            "music": self.performance.music,
            "sync": {
                "events_s": [round(float(t), 3) for t in events.times],
                "hit_points_s": [round(time, 3) for time in self.performance.hit_points],
                "curve_correlation": round(self.curve_correlation, 4),
            },
            "audio": {
                "duration_s": self.audio.shape[1] / self.sample_rate,
                "integrated_lufs": _finite(integrated_lufs(self.audio, self.sample_rate)),
                "true_peak_dbtp": _finite(true_peak_dbtp(self.audio, self.sample_rate)),
            },
        }

    def write(self, video: Path, folder: Path, progress: ProgressCallback | None = None) -> dict[str, Path]:
        """Write every variant into ``folder`` and return their paths by name, see VARIANTS; midi where there are notes.

        Args:
            video: the file that was scored; its video packets are copied bit for bit.
            folder: an existing folder.
            progress: called with stage "mux".
        """
        paths = {
            "video": folder / f"video{output_suffix(self.video)}",
            "audio": folder / "audio.wav",
            "midi": folder / "score.mid",
            "curve": folder / "curve.json",
            "report": folder / "report.json",
        }
        if progress:
            progress("mux", 0.0)
        mux(video, self.audio, self.sample_rate, paths["video"])
        write_wav(paths["audio"], self.audio, self.sample_rate)
        if self.performance.written is None:
            del paths["midi"]
        else:
            self.write_midi(paths["midi"])
        curves = {"video": curve_json(self.given_curve), "music": curve_json(self.heard_curve)}
        paths["curve"].write_text(json.dumps(curves))
        paths["report"].write_text(json.dumps(self.report(), indent=2))
        if progress:
            progress("mux", 1.0)
        return paths

    def write_midi(self, path: Path) -> None:
        """The notes as a standard MIDI file whose tempo map keeps the video's time."""
        plan = self.written.plan
        tempo = plan.tempo
        write_midi(path, self.written.notes, tempo.beat_times, plan.header, plan.key, tempo.beat_in_bar)


def _finite(value: float) -> float | None:
    return round(value, 2) if np.isfinite(value) else None
