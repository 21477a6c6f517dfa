"""A scorer that does all of the work on the video, and none of the model's."""

import json
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from model_core.curves.video import curve_json, video_curve
from model_core.media import MediaError, mux, output_suffix, probe, read_audio, write_wav
from model_core.options import STAGES, ModelInfo, ProgressCallback, ScoreOptions
from worker.scorer import VideoAnalysis

SAMPLE_RATE: Final = 44_100


class MeanColours:
    """Pictures to the mean colours of sixteen fields: an encoder that costs nothing."""

    name = "mean colours"
    size = 32
    feature_kind: Literal["picture", "motion"] = "picture"

    def embed(self, rgb: NDArray[np.uint8], previous: NDArray[np.uint8] | None = None) -> NDArray[np.float32]:
        """See model_core.curves.video.FrameEncoder."""
        fields = rgb.reshape(len(rgb), 4, 8, 4, 8, 3).mean(axis=(2, 4))
        return np.asarray(fields.reshape(len(rgb), -1) / 255, np.float32)


class MediaScorer:
    """Every operation of the sandbox sees every video: probe, frames, read_audio, mux."""

    model = ModelInfo(name="media", version="1", kind="none", licence="CC0-1.0")
    prefetches = False

    def __init__(self) -> None:
        self._encoder = MeanColours()

    def analyze(self, video: Path, prompt: str, options: ScoreOptions, progress: ProgressCallback) -> VideoAnalysis:
        """See worker.scorer.Scorer."""
        progress("probe", 0.0)
        info = probe(video)
        progress("curve", 0.0)
        curve = video_curve(video, self._encoder, info.duration, lambda fraction: progress("curve", fraction))
        return info, curve

    def score(
        self,
        analysis: VideoAnalysis,
        video: Path,
        prompt: str,
        options: ScoreOptions,
        out: Path,
        progress: ProgressCallback,
    ) -> dict[str, Path]:
        """See worker.scorer.Scorer."""
        info, curve = analysis
        for stage in STAGES[2:]:
            progress(stage, 0.0)
        tone = _tone(info.duration)
        paths = {
            "video": out / f"scored{output_suffix(info)}",
            "audio": out / "music.wav",
            "curve": out / "curve.json",
            "report": out / "report.json",
        }
        mux(video, tone, SAMPLE_RATE, paths["video"])
        write_wav(paths["audio"], tone, SAMPLE_RATE)
        paths["curve"].write_text(json.dumps(curve_json(curve), allow_nan=False))
        paths["report"].write_text(json.dumps({"heard": _heard(video)}))
        return paths


def _tone(seconds: float) -> NDArray[np.float32]:
    wave = 0.1 * np.sin(2 * np.pi * 220 * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)
    return np.stack([wave, wave]).astype(np.float32)


def _heard(video: Path) -> str:
    """Seconds of the video's own sound, or why there is none to be had. No score needs it, so none fails of it."""
    try:
        return f"{read_audio(video, SAMPLE_RATE).shape[1] / SAMPLE_RATE:.3f} s"
    except MediaError as error:
        return error.code
