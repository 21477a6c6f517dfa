"""v2m report on videos whose sound is made to fit, or not to."""

import json
import math
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from model_core.encoders.efficientnet import EfficientNetLite0
from model_core.errors import InputError
from model_core.evaluation.picture import draw
from model_core.evaluation.report import Meeting, SyncReport, measure, report_json, verdict
from model_core.media import mux
from tests import video_factory as factory

CUTS = [1.2, 2.8, 4.0, 6.12, 8.6, 10.04]
SECONDS = 12.0
RATE = 44_100
HIT_RGB, MISS_RGB = (0, 158, 115), (213, 94, 0)


def hits(times: list[float]) -> np.ndarray:
    """Loud bursts at the times, over soft ones every half second and a little noise."""
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.002, round((SECONDS + 1) * RATE))
    burst = rng.normal(size=6000) * np.exp(-np.arange(6000) / 900)
    for time, loud in [*((t, 0.4) for t in times), *((t, 0.08) for t in np.arange(0.3, SECONDS, 0.5))]:
        start = round(time * RATE)
        sound[start : start + len(burst)] += loud * burst
    return np.tile(sound[: round(SECONDS * RATE)].astype(np.float32), (2, 1))


def scored(folder: Path, times: list[float]) -> Path:
    silent = factory.make_clip(folder / "silent.mp4", CUTS, duration=SECONDS)
    mux(silent, hits(times), RATE, folder / "scored.mp4")
    return folder / "scored.mp4"


@pytest.fixture(scope="module")
def encoder() -> EfficientNetLite0:
    return EfficientNetLite0()


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, encoder: EfficientNetLite0) -> tuple[Path, SyncReport]:
    video = scored(tmp_path_factory.mktemp("good"), CUTS)
    return video, measure(video, encoder)


def test_music_on_the_cuts_is_praised(good: tuple[Path, SyncReport]) -> None:
    report = good[1]
    np.testing.assert_allclose(report.events, CUTS, atol=0.01)
    assert report.figures["f1_onset"].value == 1.0
    assert report.figures["f1_onset"].p < 0.01
    assert report.onset.hits == 6
    assert np.abs(report.onset.offset_s).max() < 0.05
    assert report.correlation.r > report.correlation.null_mean
    assert verdict(report).startswith("6 of 6 changes of the picture have one of the 6 strongest onsets within 100 ms;")


def test_the_same_music_half_a_second_late_is_not(tmp_path: Path, encoder: EfficientNetLite0) -> None:
    report = measure(scored(tmp_path, [cut + 0.5 for cut in CUTS]), encoder)
    assert report.figures["f1_onset"].value < 0.2
    assert report.figures["f1_onset"].p > 0.2
    assert verdict(report).startswith("0 of 6")


def test_the_json_is_strict_and_names_its_units(good: tuple[Path, SyncReport]) -> None:
    found = json.loads(json.dumps(report_json(good[1]), allow_nan=False))
    assert found["duration_s"] == SECONDS
    assert [event["time_s"] for event in found["events"]] == pytest.approx(CUTS, abs=0.01)
    assert all(event["onset"]["hit"] and abs(event["onset"]["nearest_peak_ms"]) < 50 for event in found["events"])
    assert found["figures"]["f1_onset"]["value"] == 1.0
    assert set(found["curve_correlation"]) == {"r", "lag_ms", "window_s", "null_mean", "z", "p"}


def test_what_is_infinite_is_null_in_the_json(good: tuple[Path, SyncReport]) -> None:
    report = good[1]
    report.figures["bas"] = type(report.figures["bas"])(1.0, np.zeros(200))
    assert report.figures["bas"].z == math.inf
    assert report_json(report)["figures"]["bas"]["z"] is None


def test_events_can_be_given(good: tuple[Path, SyncReport], encoder: EfficientNetLite0) -> None:
    report = measure(good[0], encoder, np.array([4.0, 1.2, 7.3]))
    np.testing.assert_allclose(report.events, [1.2, 4.0, 7.3])
    assert [bool(partner >= 0) for partner in report.onset.partner][:1] == [True]
    assert not report.onset.partner[2] >= 0
    with pytest.raises(InputError, match=r"--events.*12\.00 s"):
        measure(good[0], encoder, np.array([1.0, 12.5]))


def test_a_picture_without_events_has_nothing_to_meet(tmp_path: Path, encoder: EfficientNetLite0) -> None:
    still = factory.make_clip(tmp_path / "still.mp4", duration=4.0, static=True)
    mux(still, hits([1.0])[:, : 4 * RATE], RATE, tmp_path / "scored.mp4")
    report = measure(tmp_path / "scored.mp4", encoder)
    assert len(report.events) == 0
    assert "nothing to meet" in verdict(report)
    json.dumps(report_json(report), allow_nan=False)
    draw(tmp_path / "scored.mp4", report, tmp_path / "a.png", "still")
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_silent_and_short_videos_are_refused(tmp_path: Path, encoder: EfficientNetLite0) -> None:
    with pytest.raises(InputError, match="audio"):
        measure(factory.make_clip(tmp_path / "silent.mp4", duration=3.0), encoder)
    short = factory.make_clip(tmp_path / "short.mp4", duration=1.5, audio=True)
    with pytest.raises(InputError, match=r"1\.5 s long"):
        measure(short, encoder)


def test_progress_ends_at_one(good: tuple[Path, SyncReport], encoder: EfficientNetLite0) -> None:
    said: list[float] = []
    measure(good[0], encoder, None, said.append)
    assert said == sorted(said)
    assert said[-1] == 1.0


def colours(path: Path) -> tuple[int, int, int]:
    """Width, and how many pixels are in the colour of hits and of misses."""
    pixels = matplotlib.image.imread(path)[..., :3]
    hit, miss = (int((np.abs(pixels - np.array(one) / 255).max(axis=2) < 0.03).sum()) for one in (HIT_RGB, MISS_RGB))
    return pixels.shape[1], hit, miss


def test_the_picture_shows_hits_and_misses(good: tuple[Path, SyncReport], tmp_path: Path) -> None:
    video, report = good
    draw(video, report, tmp_path / "a.png", "a title")
    missed = replace(report, onset=Meeting.of(report.heard.onset, report.events + 0.4))
    draw(video, missed, tmp_path / "b.png", "a title")
    (width, hits_a, misses_a), (_, hits_b, misses_b) = colours(tmp_path / "a.png"), colours(tmp_path / "b.png")
    assert width == 1320
    assert hits_a > 300
    assert hits_b < hits_a / 2
    assert misses_b > 2 * misses_a
