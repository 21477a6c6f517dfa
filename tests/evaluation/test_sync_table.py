"""The study and its page, on a stand-in for the pipeline whose sync is known."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.curves import EventCurve
from model_core.evaluation.clips import Clip
from model_core.evaluation.report import markdown
from model_core.evaluation.sync_table import VARIANTS, Run, run_study
from model_core.options import ScoreOptions

RATE = 22050
CLIPS = [
    Clip(Path("one.mp4"), (1.2, 2.9, 5.3, 7.4)),
    Clip(Path("two.mp4"), (2.2, 3.7, 8.1)),
    Clip(Path("three.mp4"), (0.9, 4.6, 6.2, 6.9, 8.8)),
]


@dataclass(frozen=True)
class Result:
    audio: NDArray[np.float32]
    sample_rate: int
    given_curve: EventCurve
    heard_curve: EventCurve


def bumps(times: NDArray[np.float64]) -> EventCurve:
    grid = np.arange(250) / 25
    return EventCurve(grid, np.exp(-0.5 * ((grid[:, None] - times) / 0.1) ** 2).sum(1), "bumps")


def score(video: Path, prompt: str, options: ScoreOptions) -> Result:
    """Clicks on the cuts, or at random times when the curve is switched off."""
    cuts = np.array(next(clip.cuts for clip in CLIPS if clip.path == video))
    rng = np.random.default_rng([options.seed, len(prompt)])
    heard = cuts if options.curve_guidance else rng.uniform(0.5, 9.5, len(cuts))
    mono = rng.normal(0, 0.002, 10 * RATE)
    for time in heard:
        mono[int(time * RATE) :][:1000] += rng.normal(0, 0.4, 1000) * np.exp(-np.arange(1000) / 150)
    return Result(np.stack([mono, mono]).astype(np.float32), RATE, bumps(cuts), bumps(heard))


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return list(run_study(score, CLIPS, range(2)))


def test_every_clip_seed_and_variant_is_run_once(runs: list[Run]) -> None:
    assert len({(run.variant, run.clip_number, run.seed) for run in runs}) == len(runs) == 4 * 3 * 2


def test_variants_switch_off_what_they_say() -> None:
    both, curve, plan, neither = (variant.options(3) for variant in VARIANTS)
    assert both == ScoreOptions(seed=3)
    assert (curve.plan, curve.curve_guidance) == (False, both.curve_guidance)
    assert (plan.plan, plan.curve_guidance) == (True, 0.0)
    assert (neither.plan, neither.curve_guidance) == (False, 0.0)


def test_sound_on_the_cuts_scores_fully_and_chance_does_not(runs: list[Run]) -> None:
    rows = {cells[0]: cells for cells in table(markdown(runs), "Strongest onsets")}
    assert rows["both (default)"][1:3] == ["24 / 24", "**1.00**"]
    assert float(rows["both (default)"][4]) < 0.6
    assert float(rows["both (default)"][5]) < 0.001
    assert float(rows["neither"][2].strip("*")) < 0.6
    assert float(rows["neither"][5]) > 0.01


def test_followed_curves_are_told_from_ignored_ones(runs: list[Run]) -> None:
    rows = {cells[0]: cells for cells in table(markdown(runs), "Curve given")}
    assert rows["both (default)"][1] == "**1.00**"
    assert float(rows["both (default)"][4]) < 0.01
    assert float(rows["neither"][1].strip("*")) < 0.5


def test_each_clip_has_its_row(runs: list[Run]) -> None:
    rows = table(markdown(runs), "Clip by clip")
    assert [(cells[0], cells[1], cells[2]) for cells in rows] == [
        ("one", "4", "1.00"), ("two", "3", "1.00"), ("three", "5", "1.00"),
    ]  # fmt: skip


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of the body rows under a heading."""
    part = next(part for part in page.split("\n## ") if part.startswith(heading))
    rows = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
