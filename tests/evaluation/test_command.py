"""The command line of the evaluation, as far as it goes without a model."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from model_core.evaluation.__main__ import bundled_clip, extra_clip, parser


def test_a_further_clip_is_a_path_with_its_cuts(tmp_path: Path) -> None:
    video = tmp_path / "with:colon.mp4"
    video.touch()
    clip = extra_clip(f"{video}:3.04,1.2")
    assert clip.path == video
    assert clip.cuts == (1.2, 3.04)


@pytest.mark.parametrize(
    ("text", "cause"),
    [("here.mp4:1,2", "does not exist"), ("here.mp4", "cuts in seconds"), ("a.mp4:x", "cuts in seconds")],
)
def test_a_wrong_clip_is_refused_with_its_cause(text: str, cause: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=cause):
        extra_clip(text)


def test_help_needs_no_torch() -> None:
    code = "import sys, model_core.evaluation.__main__ as m; m.parser().format_help(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_study_is_full_unless_told_otherwise() -> None:
    given = parser().parse_args(["table"])
    assert (given.seeds, given.generated, given.default_only) == (5, 10, False)


def test_the_bundled_clip_knows_its_cuts() -> None:
    clip = bundled_clip()
    assert clip.path.is_file()
    assert len(clip.cuts) >= 4
    assert list(clip.cuts) == sorted(clip.cuts)
