"""Soundtrack: the music of one score with its curves and measurements. results.py writes its files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_core.audio.loudness import integrated_lufs, true_peak_dbtp
from model_core.curves.event_curve import EventCurve
from model_core.curves.frame_curve import frame_curve
from model_core.curves.video import curve_json
from model_core.media import VideoInfo
from model_core.models.base import GeneratedMusic
from model_core.options import ModelInfo, ProgressCallback
from model_core.results import write_results

_SPACING_S: Final = 0.1


@dataclass(frozen=True)
class Soundtrack:
    """New music of a video.

    Attributes:
        audio: stereo, loudness-normalized, as long as the video, shape (2, N).
        music: as the model generated it, before normalization.
        video_curve: event curve of the video.
        music_curve: event curve extracted from ``audio``.
        video: result of the probe.
        prompt, model: prompt and model that it was generated with.
    """

    audio: NDArray[np.float32]
    music: GeneratedMusic
    video_curve: EventCurve
    music_curve: EventCurve
    video: VideoInfo
    prompt: str
    model: ModelInfo

    @property
    def sample_rate(self) -> int:
        """Sample rate of audio, Hz."""
        return self.music.sample_rate

    @property
    def curve_correlation(self) -> float:
        """Pearson correlation of the two curves at the video curve's times; 0 where either is flat.

        Both are seen through the model's own window where it has one.
        """
        video, music = self.video_curve.values, self.music_curve.at(self.video_curve.times)
        if window_s := self.music.curve_window_s:
            times = np.arange(0, self.video.duration, _SPACING_S)
            video, music = (frame_curve(curve, times, window_s) for curve in (self.video_curve, self.music_curve))
        if video.std() < 1e-6 or music.std() < 1e-6:
            return 0.0
        return float(np.corrcoef(video, music)[0, 1])

    def curves(self) -> dict[str, Any]:
        """Both event curves by name, ready for JSON."""
        return {"video": curve_json(self.video_curve), "music": curve_json(self.music_curve)}

    def report(self) -> dict[str, Any]:
        """Model, options and measurements of this soundtrack, ready for JSON."""
        events = self.video_curve.peaks()
        return {
            "model": self.model.model_dump(),
            "prompt": self.prompt,
            "options": self.music.options,
            "video": {"duration_s": self.video.duration, "codec": self.video.video_codec, "fps": self.video.fps},
            "music": self.music.music,
            "sync": {
                "events_s": [round(float(t), 3) for t in events.times],
                "hit_points_s": [round(time, 3) for time in self.music.hit_points],
                "curve_correlation": round(self.curve_correlation, 4),
            },
            "audio": {
                "duration_s": self.audio.shape[1] / self.sample_rate,
                "integrated_lufs": _finite(integrated_lufs(self.audio, self.sample_rate)),
                "true_peak_dbtp": _finite(true_peak_dbtp(self.audio, self.sample_rate)),
            },
        }

    def write(self, video: Path, folder: Path, progress: ProgressCallback | None = None) -> dict[str, Path]:
        """Write all results, see write_results; ``progress`` is called with the stage "mux"."""
        report = progress or (lambda stage, fraction: None)
        report("mux", 0.0)
        paths = write_results(self, video, folder)
        report("mux", 1.0)
        return paths


def _finite(value: float) -> float | None:
    return round(value, 2) if np.isfinite(value) else None
