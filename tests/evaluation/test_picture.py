"""The picture of one score, drawn from a generated clip and made-up music."""

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from numpy.typing import NDArray

from model_core.curves import EventCurve
from model_core.evaluation.clips import Clip, make_clips
from model_core.evaluation.picture import FRAME_SIZE, draw, pictures_after


@dataclass(frozen=True)
class Note:
    role: str
    pitch: int
    start: float
    end: float


@dataclass(frozen=True)
class Music:
    audio: NDArray[np.float32]
    given_curve: EventCurve
    heard_curve: EventCurve
    notes: list[Note] = field(default_factory=list)
    sample_rate: int = 22050


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return make_clips(tmp_path_factory.mktemp("clip"), count=1)[0]


def test_each_shot_is_shown_by_a_frame_of_its_own(clip: Clip) -> None:
    pictures = pictures_after(clip.path, [0.0, *clip.cuts])
    assert len(pictures) == len(clip.cuts) + 1
    for picture, following in pairwise(pictures):
        assert picture.shape == (FRAME_SIZE, FRAME_SIZE, 3)
        assert np.abs(picture.astype(int) - following).mean() > 10


def test_a_time_past_the_end_shows_the_last_frame(clip: Clip) -> None:
    last, beyond = pictures_after(clip.path, [9.9, 1000.0])
    assert last.shape == beyond.shape


def test_the_picture_is_written_and_the_music_shows_in_it(clip: Clip, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    curve = EventCurve(np.arange(100) / 10, rng.normal(size=100), "test")
    music = Music(rng.normal(0, 0.1, (2, 10 * 22050)).astype(np.float32), curve, curve)
    draw(clip, music, tmp_path / "new" / "silent.png", "no notes")
    notes = [Note(role, 40 + 5 * n, n, n + 1.5) for n, role in enumerate(("bass", "chords", "lead", "arp", "drums"))]
    music.notes.extend(notes)
    draw(clip, music, tmp_path / "notes.png", "notes")
    without, with_notes = imread(tmp_path / "new" / "silent.png"), imread(tmp_path / "notes.png")
    assert with_notes.shape[0] > 800
    assert with_notes.shape[1] > 1200
    assert np.abs(without - with_notes).max() > 0.5
