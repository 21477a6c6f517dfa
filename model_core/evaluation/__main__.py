"""`python -m model_core.evaluation study` writes docs/evaluation.md, `... picture` writes docs/img/sync.png."""

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from model_core.assets import asset
from model_core.evaluation.curve_accuracy import Detections, run_detectors
from model_core.evaluation.truth import TruthClip, truth_set
from model_core.sync.video import VideoFeatures, analyze_video

log = logging.getLogger("model_core.evaluation")

WORK: Final = Path("work/evaluation")
PICTURE_PROMPT: Final = "epic cinematic orchestra with drums, building"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m model_core.evaluation", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    study = commands.add_parser("study", help="measure all systems on the truth set and write the page")
    study.add_argument("--clips", type=int, default=None, help="a spread subset of the truth set (default: all)")
    study.add_argument("--seeds", type=int, default=1, help="pieces of music a clip and system")
    study.add_argument("--work", type=Path, default=WORK, help="clips and results; an interrupted study goes on")
    study.add_argument("--media", type=Path, default=WORK / "media", help="what scripts/fetch_footage.py brought")
    study.add_argument("--fresh", action="store_true", help="forget earlier results")
    study.add_argument("--out", type=Path, default=Path("docs/evaluation.md"))
    study.add_argument("--pictures", type=Path, default=Path("docs/img"))
    picture = commands.add_parser("picture", help="score the demo clip and draw what came of it")
    picture.add_argument("--prompt", default=PICTURE_PROMPT)
    picture.add_argument("--seed", type=int, default=0)
    picture.add_argument("--out", type=Path, default=Path("docs/img/sync.png"))
    return top


def footage(media: Path) -> dict[str, Path]:
    """The free clips that scripts/fetch_footage.py brought, by name; whatever is there."""
    return {path.stem: path for path in sorted(media.glob("*.mp[4g]"))}


def analyze_clips(clips: Sequence[TruthClip]) -> list[tuple[TruthClip, VideoFeatures]]:
    """Every clip with its curve and motion."""
    from model_core.encoders.efficientnet import EfficientNetLite0

    encoder = EfficientNetLite0()
    pairs = []
    for number, clip in enumerate(clips, 1):
        pairs.append((clip, analyze_video(clip.path, encoder)))
        log.info("analyzed %d of %d: %s", number, len(clips), clip.name)
    return pairs


def study(given: argparse.Namespace) -> None:
    """All of it: clips, curves, music, figures, page, pictures."""
    from model_core.evaluation.page import draw_offsets, draw_systems, page
    from model_core.evaluation.study import rows, run_study
    from model_core.evaluation.systems import BLIND, all_systems
    from model_core.pipeline import Pipeline

    results = given.work / "runs.jsonl"
    if given.fresh:
        results.unlink(missing_ok=True)
    clips = truth_set(given.work / "truth", footage(given.media), given.clips)
    pairs = analyze_clips(clips)
    found: list[Detections] = [one for clip, features in pairs for one in run_detectors(clip, features.curve)]
    log.info("the video curves are measured; next: the music")
    tracks = sorted((given.media / "tracks").rglob("*.opus"))
    runs = run_study(all_systems(Pipeline.load(), tracks), pairs, range(given.seeds), results)
    table = rows(runs)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    draw_systems(table, given.pictures / "systems.png")
    draw_offsets(found, given.pictures / "offsets.png")
    command = "make evaluate-full" if given.clips is None else f"make evaluate ({given.clips} clips)"
    given.out.write_text(page(runs, found, BLIND, command))
    print(given.out)


def picture(given: argparse.Namespace) -> None:
    """Score the demo clip and draw frames, curve, notes and sound."""
    from model_core.encoders.efficientnet import EfficientNetLite0
    from model_core.models.score.model import ScoreNotation
    from model_core.options import ScoreOptions
    from model_core.pipeline import Pipeline
    from model_core.sync.picture import draw_report
    from model_core.sync.report import measure_sound

    video = asset("demo/montage.mp4")
    cuts: list[float] = json.loads(asset("demo/cuts.json").read_text())["cuts"]
    scored = Pipeline.load().score_video(video, given.prompt, ScoreOptions(seed=given.seed))
    features = analyze_video(video, EfficientNetLite0())
    report = measure_sound(features, scored.audio, scored.sample_rate, np.array(cuts))
    notation = scored.music.notation
    notes = notation.notes if isinstance(notation, ScoreNotation) else []
    draw_report(video, report, given.out, f'{video.name}, "{given.prompt}", seed {given.seed}', notes)
    print(given.out)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that `arguments` (default: the process') name."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("pyscenedetect").setLevel(logging.WARNING)
    given = parser().parse_args(arguments)
    {"study": study, "picture": picture}[given.command](given)


if __name__ == "__main__":
    main()
