"""Fake scorer without a model, controlled by the prompt."""

import json
import shutil
import threading
import time
from pathlib import Path

import numpy as np

from model_core.curves.event_curve import EventCurve
from model_core.errors import InputError
from model_core.media import probe
from model_core.options import STAGES, ModelInfo, ProgressCallback, ScoreOptions
from worker.scorer import VideoAnalysis

MODEL = ModelInfo(name="fake", version="1", kind="none", licence="CC0-1.0")


class FakeScorer:
    """Probes the video in the real sandbox, then copies it instead of scoring it.

    Prompts: ``crash`` raises, ``refuse`` is an InputError, ``slow N`` takes N seconds in steps of 20 ms, ``deaf N``
    sleeps N seconds without a step of progress, anything else is quick.
    """

    model = MODEL
    prefetches = True

    def analyze(self, video: Path, prompt: str, options: ScoreOptions, progress: ProgressCallback) -> VideoAnalysis:
        """See worker.scorer.Scorer."""
        progress("probe", 0.0)
        info = probe(video)
        progress("curve", 1.0)
        return info, EventCurve(np.arange(3.0), np.zeros(3), encoder=threading.current_thread().name)

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
        word, _, number = prompt.partition(" ")
        if word == "crash":
            raise RuntimeError("the fake scorer was asked to crash")
        if word == "refuse":
            raise InputError("prompt", "names no music", "refused")
        if word == "deaf":
            time.sleep(float(number))
        if word == "slow":
            self._wait(float(number), progress)
        for stage in STAGES[2:]:
            progress(stage, 1.0)
        report = {"prompt": prompt, "seed": options.seed, "duration": info.duration, "analyzed_by": curve.encoder}
        return self._write(video, out, report)

    def _wait(self, seconds: float, progress: ProgressCallback) -> None:
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            progress("generate", passed / seconds)
            time.sleep(0.02)

    def _write(self, video: Path, out: Path, report: dict[str, object]) -> dict[str, Path]:
        paths = {
            "video": out / "any name.mp4",
            "audio": out / "a.wav",
            "midi": out / "m.mid",
            "curve": out / "c.json",
            "report": out / "r.json",
        }
        shutil.copyfile(video, paths["video"])
        paths["audio"].write_bytes(bytes(range(256)) * 4)
        paths["midi"].write_bytes(b"MThd")
        for name in ("curve", "report"):
            paths[name].write_text(json.dumps(report))
        return paths
