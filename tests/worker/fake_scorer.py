"""A scorer without a model. The prompt tells it how to behave."""

import json
import shutil
import time
from pathlib import Path

from model_core.errors import InputError
from model_core.media import probe
from model_core.options import STAGES, ProgressCallback, ScoreOptions


class FakeScorer:
    """Looks at the video in the real sandbox, then copies it instead of scoring it.

    Prompts: ``crash`` raises, ``refuse`` is an InputError, ``slow N`` takes N seconds in steps of 20 ms, ``deaf N``
    sleeps N seconds without a step of progress, anything else is quick.
    """

    def score(
        self, video: Path, prompt: str, options: ScoreOptions, out: Path, progress: ProgressCallback
    ) -> dict[str, Path]:
        """See worker.scorer.Scorer."""
        progress("probe", 0.0)
        info = probe(video)
        word, _, number = prompt.partition(" ")
        if word == "crash":
            raise RuntimeError("the fake scorer was asked to crash")
        if word == "refuse":
            raise InputError("prompt", "names no music", "refused")
        if word == "deaf":
            time.sleep(float(number))
        if word == "slow":
            self._take(float(number), progress)
        for stage in STAGES:
            progress(stage, 1.0)
        return self._write(video, out, {"prompt": prompt, "seed": options.seed, "duration": info.duration})

    def _take(self, seconds: float, progress: ProgressCallback) -> None:
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
