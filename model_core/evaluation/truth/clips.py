"""Clips of the truth set, drawn and encoded once: a manifest holds what is done."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final, Protocol

import av
import numpy as np
from numpy.typing import NDArray

from model_core.evaluation.truth.moving import QUIET, Dance, Montage, Nothing, Whip, blend
from model_core.evaluation.truth.pictures import (
    MARGIN,
    SHOTS,
    TICKS_PER_SECOND,
    Pan,
    Picture,
    Shot,
    Size,
    first_shown,
    frame_ticks,
    pan,
    read_shots,
    texture,
)
from model_core.evaluation.truth.recipe import Event, Spec, TruthClip, event_times, recipe

Floats = NDArray[np.float64]

LEAST_SIZE: Final = 0.25
BPM: Final = (60, 140)


class Scene(Protocol):
    """A clip's frames and events."""

    @property
    def events(self) -> Sequence[Event]: ...

    def at(self, time: float, /) -> Picture:
        """The frame at `time` seconds."""
        ...


class Still:
    """Scene of a Nothing: its frames, without events."""

    events: Sequence[Event] = ()

    def __init__(self, nothing: Nothing) -> None:
        self.at = nothing.at


def scene(spec: Spec, rng: np.random.Generator, times: Floats, footage: Sequence[Shot]) -> tuple[Scene, float | None]:
    """The scene of a spec, whose frames are shown at `times` seconds, and its tempo in bpm if it has one."""
    if spec.kind == "dance":
        return dance(spec, rng)
    if spec.kind == "nothing":
        quiet = QUIET[spec.number % len(QUIET)]
        return Still(Nothing(pan(rng, spec.number, spec.size), quiet, spec.number)), None
    if spec.kind == "move":
        return move(spec, rng), None
    return montage(spec, rng, times, footage), None


def montage(spec: Spec, rng: np.random.Generator, times: Floats, footage: Sequence[Shot]) -> Montage:
    """Cuts, footage, dissolves, flashes, fades, or a mixture."""
    wanted = event_times(rng, spec.duration, spec.pace if spec.kind in ("cut", "footage", "flash") else "usual")
    events = list[Event]()
    for time in wanted:
        kind = str(rng.choice(["cut", "flash", "dissolve"])) if spec.kind == "mixed" else spec.kind
        size = float(rng.uniform(LEAST_SIZE, 1)) if spec.graded else 1.0
        if kind in ("cut", "footage"):
            events.append(Event(first_shown(times, time), size if kind == "cut" else 1.0, "cut"))
        elif kind == "flash":
            # A flash of another strength is always graded: a full white frame is rare.
            first = first_shown(times, time)
            until = first_shown(times, first + rng.integers(1, 4) / float(spec.rate))
            events.append(Event(first, float(rng.uniform(0.4, 1)), "flash", until - first))
        elif kind == "dissolve":
            events.append(Event(time, 1.0, "dissolve", float(rng.uniform(0.3, 0.8))))
        elif len(events) < 2 or time - events[-1].time > 1.6:
            length = float(rng.uniform(0.3, 0.6))
            gap = length + float(rng.uniform(0.3, 0.5))
            if time + gap < spec.duration - length / 2:
                events += [Event(time, 1.0, "fade", length), Event(time + gap, 1.0, "fade", length)]
    changes = [event for event in events if event.kind in ("cut", "dissolve")]
    downs_and_ups = [event for event in events if event.kind == "fade"]
    changes += [
        Event((down.time + up.time) / 2, 1.0, "cut")
        for down, up in zip(downs_and_ups[::2], downs_and_ups[1::2], strict=True)
    ]
    shots: Sequence[Pan] | Sequence[Shot]
    if spec.kind == "footage":
        shots = _real_shots(rng, len(changes) + 1, footage)
    else:
        shots = _textured_shots(spec, rng, changes)
    return Montage(shots, changes, events, int(rng.choice([0, 255], p=[0.25, 0.75])))


def _real_shots(rng: np.random.Generator, count: int, footage: Sequence[Shot]) -> list[Shot]:
    """Segments at random, never the same source twice in a row where there is a choice."""
    shots = list[Shot]()
    for _ in range(count):
        others = [shot for shot in footage if not shots or shot.source != shots[-1].source]
        # Within one source neighbouring segments may look alike: take another source.
        choice = others or [shot for shot in footage if shot is not shots[-1]] or list(footage)
        shots.append(choice[int(rng.integers(len(choice)))])
    return shots


def _textured_shots(spec: Spec, rng: np.random.Generator, changes: Sequence[Event]) -> list[Pan]:
    """A pan for each shot; where a change is smaller than 1, the next canvas keeps the rest of the one before it."""
    shots = [pan(rng, int(rng.integers(4)), spec.size)]
    for number, change in enumerate(changes):
        canvas = texture(rng, number + 1, spec.size)
        before = shots[-1]
        if change.size < 1:
            # The same window glides on, so that nothing but the blend changes.
            shots.append(Pan(blend(before.canvas, canvas, change.size), spec.size, before.start, before.velocity))
        else:
            shots.append(pan(rng, number, spec.size, canvas))
    return shots


def move(spec: Spec, rng: np.random.Generator) -> Whip:
    """Whips of 0.2 to 0.4 s."""
    events = [
        Event(time, float(rng.uniform(LEAST_SIZE, 1)), "move", float(rng.uniform(0.2, 0.4)))
        for time in event_times(rng, spec.duration, "usual")
    ]
    rows, columns = spec.size
    # Four textures side by side, each narrower than the frame: a whip brings other things into view.
    panels = [texture(rng, spec.number + n, spec.size)[:, : 3 * columns // 4] for n in range(4)]
    return Whip(np.concatenate(panels, axis=1)[: rows + MARGIN[0]], spec.size, events)


def dance(spec: Spec, rng: np.random.Generator) -> tuple[Dance, float]:
    """Beats at a steady tempo; every fourth goes farthest. The beats before and after the clip are no events of it."""
    bpm = float(rng.integers(*BPM))
    beat = 60 / bpm
    times = np.arange(float(rng.uniform(0, beat)) - 2 * beat, spec.duration + 2 * beat, beat)
    events = [Event(float(time), 1.0 if n % 4 == 0 else 0.6, "beat") for n, time in enumerate(times)]
    backdrop = (texture(rng, 0, spec.size)[: spec.size[0], : spec.size[1]] * 0.5).astype(np.uint8)
    return Dance(backdrop, rng.uniform(150, 255, 3), events, figure=spec.number % 2 == 1), bpm


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
