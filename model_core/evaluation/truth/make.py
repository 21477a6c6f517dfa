"""Draws and encodes the truth set, once: a manifest tells whether the folder holds it already."""

import hashlib
import json
import logging
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from model_core.evaluation.truth.events import TruthClip
from model_core.evaluation.truth.footage import SHOTS, Shot, read_shots
from model_core.evaluation.truth.frames import TICKS_PER_SECOND, frame_ticks
from model_core.evaluation.truth.recipe import Spec, recipe
from model_core.evaluation.truth.scenes import Scene, scene
from model_core.evaluation.truth.textures import Size

log = logging.getLogger(__name__)

MANIFEST: Final = "manifest.json"
_TIME_BASE: Final = Fraction(1, TICKS_PER_SECOND)


def truth_set(folder: Path, footage: Mapping[str, Path], count: int | None = None, seed: int = 0) -> list[TruthClip]:
    """The clips of the recipe, drawn into `folder` unless they are there.

    Args:
        folder: made if need be; what an earlier recipe left in it is written over.
        footage: free clips by the names in footage.SHOTS; without any, the clips of kind `footage` are left out.
        count: only so many, spread over the kinds.
        seed: another one gives other clips.
    """
    known = {name: path for name, path in footage.items() if name in SHOTS}
    specs = recipe(bool(known), seed)[:count]
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / MANIFEST
    version = _version(known, seed)
    kept = json.loads(manifest.read_text()) if manifest.is_file() else {}
    done = kept["clips"] if kept.get("version") == version else {}
    shots: dict[Size, list[Shot]] = {}
    for number, spec in enumerate(specs, 1):
        if spec.name in done and (folder / done[spec.name]["path"]).is_file():
            continue
        if spec.kind == "footage" and spec.size not in shots:
            shots[spec.size] = read_shots(known, spec.size)
        done[spec.name] = draw(folder, spec, seed, shots.get(spec.size, [])).to_json()
        # After each clip: an interrupted run goes on from here.
        manifest.write_text(json.dumps({"version": version, "clips": done}, indent=1) + "\n")
        log.info("drew %d of %d: %s, %d events", number, len(specs), spec.name, len(done[spec.name]["events"]))
    return [TruthClip.from_json(folder, done[spec.name]) for spec in specs]


def draw(folder: Path, spec: Spec, seed: int, footage: list[Shot]) -> TruthClip:
    """Draw and encode one clip."""
    rng = np.random.default_rng([seed, *spec.name.encode()])
    ticks = frame_ticks(rng, spec.duration, spec.rate, spec.variable)
    drawn, bpm = scene(spec, rng, ticks / TICKS_PER_SECOND, footage)
    path = folder / f"{spec.name}.mp4"
    encode(path, drawn, ticks, spec)
    duration = len(ticks) / float(spec.rate) if not spec.variable else float(ticks[-1]) / TICKS_PER_SECOND
    inside = tuple(event for event in drawn.events if 0.3 < event.time < duration - 0.3)
    return TruthClip(path, spec.kind, inside, duration, len(ticks) / duration, bpm)


def encode(path: Path, drawn: Scene, ticks: NDArray[np.int64], spec: Spec) -> None:
    """H.264 in MP4. One thread and a constant quantiser: x264 repeats itself to the bit only so."""
    with av.open(path, "w") as container:
        options = {"preset": "veryfast", "qp": "23", "threads": "1"}
        stream = container.add_stream("libx264", rate=spec.rate, options=options)
        stream.height, stream.width = spec.size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = stream.time_base = _TIME_BASE
        for tick in ticks:
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(drawn.at(float(tick) / TICKS_PER_SECOND)), format="rgb24"
            )
            frame.pts, frame.time_base = int(tick), _TIME_BASE
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _version(footage: Mapping[str, Path], seed: int) -> str:
    """Changes with the code of this package, with the footage and with the seed."""
    total = hashlib.sha256(str(seed).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        total.update(source.read_bytes())
    for name, path in sorted(footage.items()):
        total.update(name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
