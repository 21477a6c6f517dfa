"""`python -m model_core.evaluation table` writes docs/sync.md, `... picture` writes docs/img/sync.png."""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from model_core.assets import asset
from model_core.curves import EventCurve
from model_core.evaluation.clips import Clip, make_clips
from model_core.evaluation.report import markdown
from model_core.evaluation.sync_table import VARIANTS, Scored, Scorer, run_study
from model_core.options import ScoreOptions

if TYPE_CHECKING:
    from model_core.pipeline import Pipeline

BUNDLED: Final = asset("demo/montage.mp4")


def bundled_clip() -> Clip:
    """The demo clip with its cuts in seconds, as cuts.json beside it tells them."""
    return Clip(BUNDLED, tuple(json.loads((BUNDLED.parent / "cuts.json").read_text())["cuts"]))


def extra_clip(text: str) -> Clip:
    """PATH:seconds,seconds,... as a clip.

    Raises:
        argparse.ArgumentTypeError: it has another form, or the file does not exist.
    """
    path, _, cuts = text.rpartition(":")
    try:
        clip = Clip(Path(path), tuple(sorted(float(cut) for cut in cuts.split(","))))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not PATH:cut,cut,... with the cuts in seconds") from None
    if not clip.path.is_file():
        raise argparse.ArgumentTypeError(f"{clip.path} does not exist")
    return clip


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m model_core.evaluation", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    table = commands.add_parser("table", help="score all clips and write the table")
    table.add_argument("--extra", type=extra_clip, action="append", default=[], metavar="PATH:CUT,CUT,...",
                       help="a further clip and its cuts in seconds; may be repeated")  # fmt: skip
    table.add_argument("--seeds", type=int, default=5, help="seeds a clip")
    table.add_argument("--generated", type=int, default=10, help="how many clips are generated")
    table.add_argument("--default-only", action="store_true", help="leave out the variants with something switched off")
    table.add_argument("--out", type=Path, default=Path("docs/sync.md"))
    picture = commands.add_parser("picture", help="score one clip and draw it")
    picture.add_argument(
        "--clip", type=extra_clip, default=None, metavar="PATH:CUT,CUT,...", help="default: the demo clip"
    )
    picture.add_argument("--prompt", default="epic cinematic orchestra with drums, building")
    picture.add_argument("--seed", type=int, default=0)
    picture.add_argument("--out", type=Path, default=Path("docs/img/sync.png"))
    return top


def study_scorer(pipeline: "Pipeline") -> Scorer:
    """Pipeline.score_video, but each video is decoded once only: the study scores the same clip many times."""
    from model_core.encoders.efficientnet import EfficientNetLite0
    from model_core.media import VideoInfo, probe
    from model_core.video_curve import video_curve

    pictures = EfficientNetLite0()

    @cache
    def looked_at(video: Path) -> tuple[EventCurve, VideoInfo]:
        info = probe(video)
        return video_curve(video, pictures, info.duration), info

    def score(video: Path, prompt: str, options: ScoreOptions) -> Scored:
        return pipeline.score_curve(*looked_at(video), prompt, options, lambda _stage, _fraction: None)

    return score


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that `arguments` (default: the process') name."""
    given = parser().parse_args(arguments)
    from model_core.pipeline import Pipeline  # torch: not needed to print the help

    pipeline = Pipeline.load()
    if given.command == "picture":
        from model_core.evaluation.picture import draw

        clip = given.clip or bundled_clip()
        soundtrack = pipeline.score_video(clip.path, given.prompt, ScoreOptions(seed=given.seed))
        draw(clip, soundtrack, given.out, f'{clip.path.name}, "{given.prompt}", seed {given.seed}')
    else:
        with tempfile.TemporaryDirectory() as folder:
            clips = [*given.extra, bundled_clip(), *make_clips(Path(folder), given.generated)]
            variants = VARIANTS[:1] if given.default_only else VARIANTS
            runs = []
            for run in run_study(study_scorer(pipeline), clips, range(given.seeds), variants):
                runs.append(run)
                hits = f"{run.onset.hits}/{len(run.clip.cuts)}"
                print(f"{run.variant.name}: {run.clip.name}, seed {run.seed}: onsets at cuts {hits}", file=sys.stderr)
            given.out.parent.mkdir(parents=True, exist_ok=True)
            given.out.write_text(markdown(runs))
    print(given.out)


if __name__ == "__main__":
    main()
