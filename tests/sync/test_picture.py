"""The picture of a report: its size, that each part is drawn, and the frames that it shows."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve
from model_core.media import probe
from model_core.sync.picture import HIT, MISS, PEAK, ROLE_COLORS, draw_report, pictures_after
from model_core.sync.report import SyncReport, measure_sound
from model_core.sync.video import VideoFeatures
from tests.video_factory import make_clip

RATE = 22_050
CUTS = np.array([1.0, 2.4, 4.0])


@dataclass(frozen=True)
class Note:
    role: str
    pitch: int
    start: float
    end: float


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("picture") / "a.mp4", list(CUTS), 6.0)


def report_of(video: Path, hits: NDArray[np.float64], events: NDArray[np.float64] = CUTS) -> SyncReport:
    info = probe(video)
    times = np.arange(0.04, info.duration, 0.08)
    curve = EventCurve(times, np.exp(-(((times[:, None] - CUTS) / 0.1) ** 2)).sum(1), "made")
    audio = np.zeros(round(info.duration * RATE), np.float32)
    for hit in hits:
        first = round(float(hit) * RATE)
        audio[first : first + 4000] = np.sin(np.arange(4000) / 5) * np.exp(-np.arange(4000) / 900)
    return measure_sound(VideoFeatures(curve, info, np.zeros(0)), np.stack([audio, audio]), RATE, events)


def coloured(path: Path, colour: str) -> int:
    """How many pixels have the colour."""
    return int((np.abs(imread(path)[..., :3] - to_rgb(colour)).max(axis=2) < 0.02).sum())


def lines(path: Path) -> tuple[int, int]:
    """How many pixels of the two rows of sound are greenish and how many reddish: thin lines are blended ones."""
    image = imread(path)[..., :3]
    sound = image[round(0.49 * len(image)) : round(0.88 * len(image)), 80:-20]
    more = sound[..., 1] - sound[..., 0]
    not_blue = sound[..., 1] >= sound[..., 2]  # as the dots are
    return int(((more > 0.2) & not_blue).sum()), int((more < -0.2).sum())


def test_hits_and_misses_have_their_colours(video: Path, tmp_path: Path) -> None:
    for name, hits in (("all", CUTS), ("none", CUTS + 0.5)):
        draw_report(video, report_of(video, hits), tmp_path / f"{name}.png", name)
    draw_report(video, report_of(video, CUTS, np.zeros(0)), tmp_path / "legend.png", "no events")
    hit, miss = (coloured(tmp_path / "legend.png", colour) for colour in (HIT, MISS))
    assert coloured(tmp_path / "all.png", HIT) > 2 * hit
    assert coloured(tmp_path / "all.png", MISS) == pytest.approx(miss, rel=0.2)
    assert coloured(tmp_path / "none.png", MISS) > 2 * miss
    assert coloured(tmp_path / "none.png", HIT) == pytest.approx(hit, rel=0.2)
    assert coloured(tmp_path / "all.png", PEAK) > 100
    green, red = lines(tmp_path / "all.png")
    assert green > 1000
    assert red == 0
    green, red = lines(tmp_path / "none.png")
    assert green == 0
    assert red > 500


def test_it_is_a_png_as_wide_as_promised_and_not_blank(video: Path, tmp_path: Path) -> None:
    draw_report(video, report_of(video, CUTS), tmp_path / "a.png", "title")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    image = imread(tmp_path / "a.png")
    assert image.shape[1] == 1320
    assert 500 < image.shape[0] < 800
    film = image[60:160, 100:-60, :3]
    assert film.std() > 0.1


def test_notes_add_a_roll_with_a_colour_for_each_role(video: Path, tmp_path: Path) -> None:
    notes = [Note(role, 40 + 5 * i, i / 2, i / 2 + 1) for i, role in enumerate(ROLE_COLORS)]
    report = report_of(video, CUTS)
    draw_report(video, report, tmp_path / "without.png", "title")
    draw_report(video, report, tmp_path / "with.png", "title", notes)
    assert imread(tmp_path / "with.png").shape[0] > imread(tmp_path / "without.png").shape[0] + 200
    for colour in ROLE_COLORS.values():
        assert coloured(tmp_path / "with.png", colour) > coloured(tmp_path / "without.png", colour) + 200


def test_without_events_there_is_still_a_picture(video: Path, tmp_path: Path) -> None:
    draw_report(video, report_of(video, CUTS, np.zeros(0)), tmp_path / "a.png", "title")
    assert imread(tmp_path / "a.png").shape[1] == 1320


def test_frames_are_those_on_screen_after_each_time(video: Path) -> None:
    first, same, cut, beyond = pictures_after(video, [0.0, 0.5, 1.0, 99.0])
    shot = np.abs(first.astype(float) - same).mean()
    assert np.abs(first.astype(float) - cut).mean() > 3 * shot
    assert beyond.shape == first.shape
    assert pictures_after(video, []) == []
