"""Drawn clips, decoded again: what the truth says is what the pictures do."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from model_core.evaluation.truth import Event, TruthClip, truth_set
from model_core.evaluation.truth.clips import draw
from model_core.evaluation.truth.recipe import LANDSCAPE, PORTRAIT, Spec
from model_core.media import probe
from tests import video_factory as factory

USUAL = Spec("cut", 1, 6.0, Fraction(25), False, LANDSCAPE, "usual", False)


def made(folder: Path, **changes: object) -> TruthClip:
    return draw(folder, replace(USUAL, **changes), 0, [])  # type: ignore[arg-type]


def luma(clip: TruthClip) -> tuple[np.ndarray, np.ndarray]:
    """Times of the frames, and the frames in grey."""
    with av.open(clip.path) as container:
        frames = list(container.decode(video=0))
    pictures = np.stack([frame.to_ndarray(format="gray").astype(np.int16) for frame in frames])
    return np.array([frame.time for frame in frames], np.float64), pictures


def changes(clip: TruthClip) -> tuple[np.ndarray, np.ndarray]:
    """Times of the frames but the first, and how much each differs from the one before."""
    times, pictures = luma(clip)
    return times[1:], np.abs(np.diff(pictures, axis=0)).mean(axis=(1, 2))


@pytest.mark.parametrize("rate", [Fraction(12), Fraction(24000, 1001), Fraction(60)])
@pytest.mark.parametrize("variable", [False, True])
def test_a_cut_is_on_its_frame(tmp_path: Path, rate: Fraction, variable: bool) -> None:
    clip = made(tmp_path, rate=rate, variable=variable)
    times, pictures = luma(clip)
    # How often each grey occurs: a pan over fine stripes changes every pixel, and hardly that.
    greys = np.stack([np.histogram(picture, 32, (0, 256))[0] for picture in pictures])
    change, times = np.abs(np.diff(greys, axis=0)).sum(axis=1), times[1:]
    largest = np.sort(times[np.argsort(change)[-len(clip.events) :]])
    np.testing.assert_allclose(largest, clip.times, atol=1e-4)
    assert {event.kind for event in clip.events} == {"cut"}


def test_a_cut_of_another_size_changes_as_much_less(tmp_path: Path) -> None:
    clip = made(tmp_path, graded=True, duration=14.0)
    times, change = changes(clip)
    measured = [change[np.abs(times - event.time).argmin()] for event in clip.events]
    sizes = [event.size for event in clip.events]
    assert len(sizes) >= 4
    assert min(sizes) >= 0.25
    assert np.corrcoef(sizes, measured)[0, 1] > 0.6
    assert min(measured) > 2 * np.median(change)


def test_a_flash_starts_on_its_frame_and_is_over_soon(tmp_path: Path) -> None:
    clip = made(tmp_path, kind="flash", rate=Fraction(50))
    times, pictures = luma(clip)
    for event in clip.events:
        at = int(np.abs(times - event.time).argmin())
        after = int(np.abs(times - event.time - event.length).argmin())
        assert 1 <= after - at <= 3
        assert np.abs(pictures[at] - pictures[at - 1]).mean() > 15 * event.size
        assert np.abs(pictures[after] - pictures[at - 1]).mean() < 0.3 * np.abs(pictures[at] - pictures[at - 1]).mean()


def test_a_dissolve_is_half_done_in_its_middle(tmp_path: Path) -> None:
    clip = made(tmp_path, kind="dissolve")
    times, pictures = luma(clip)
    assert clip.events
    for event in clip.events:
        start, middle, end = (
            pictures[int(np.abs(times - event.time - side * event.length / 2).argmin())] for side in (-1, 0, 1)
        )
        share = np.abs(middle - start).mean() / np.abs(end - start).mean()
        assert share == pytest.approx(0.5, abs=0.15)


def test_a_fade_is_dark_between_its_two_halves(tmp_path: Path) -> None:
    clip = made(tmp_path, kind="fade", duration=9.0)
    times, pictures = luma(clip)
    light = pictures.mean(axis=(1, 2))
    assert len(clip.events) >= 2
    for down, up in zip(clip.events[::2], clip.events[1::2], strict=True):
        dark = light[int(np.abs(times - (down.time + up.time) / 2).argmin())]
        before = light[int(np.abs(times - down.time + down.length / 2).argmin())]
        assert dark < 0.2 * before
        assert light[int(np.abs(times - down.time).argmin())] == pytest.approx((dark + before) / 2, abs=0.2 * before)


def test_a_whip_moves_most_in_its_middle(tmp_path: Path) -> None:
    clip = made(tmp_path, kind="move", rate=Fraction(50), duration=8.0)
    times, change = changes(clip)
    assert clip.events
    for event in clip.events:
        inside = np.abs(times - event.time) < event.length / 2
        outside = np.abs(times - event.time) > event.length
        assert change[inside].mean() > 3 * np.median(change[outside])


@pytest.mark.parametrize("number", [1, 2])
def test_a_dancer_turns_about_on_the_beat(tmp_path: Path, number: int) -> None:
    clip = made(tmp_path, kind="dance", number=number, rate=Fraction(50), duration=8.0)
    assert clip.bpm is not None
    np.testing.assert_allclose(np.diff(clip.times), 60 / clip.bpm, atol=1e-6)
    times, pictures = luma(clip)
    # The dancer is bright before a dim backdrop: its place is the centre of the light.
    bright = (pictures > 140).astype(float)
    across = (bright.sum(axis=1) * np.arange(bright.shape[2])).sum(axis=1) / np.maximum(bright.sum(axis=(1, 2)), 1)
    velocity = np.gradient(across, times)
    for event in clip.events:
        before, after = (np.mean(velocity[np.abs(times - event.time - side * 0.08) < 0.05]) for side in (-1, 1))
        assert np.sign(before) != np.sign(after)


@pytest.mark.parametrize("number", range(5))
def test_nothing_is_no_event_and_no_jump(tmp_path: Path, number: int) -> None:
    clip = made(tmp_path, kind="nothing", number=number)
    assert clip.events == ()
    change = changes(clip)[1]
    assert change.max() < 12


def test_shape_and_rate_are_as_planned(tmp_path: Path) -> None:
    info = probe(made(tmp_path, size=PORTRAIT, rate=Fraction(30), variable=True).path)
    assert (info.width, info.height) == (180, 320)
    assert info.variable_frame_rate
    assert info.audio_codec is None
    info = probe(made(tmp_path, rate=Fraction(30000, 1001)).path)
    assert not info.variable_frame_rate
    assert info.fps == pytest.approx(29.97, abs=0.01)


def test_a_spec_and_a_seed_are_one_file(tmp_path: Path) -> None:
    first, again = (made(tmp_path / name).path.read_bytes() for name in _folders(tmp_path, "a", "b"))
    assert first == again
    assert draw(tmp_path, USUAL, 1, []).path.read_bytes() != first


def _folders(tmp_path: Path, *names: str) -> tuple[str, ...]:
    for name in names:
        (tmp_path / name).mkdir()
    return names


def test_the_set_is_drawn_once(tmp_path: Path) -> None:
    clips = truth_set(tmp_path, {}, count=3)
    stamps = [clip.path.stat().st_mtime_ns for clip in clips]
    assert truth_set(tmp_path, {}, count=2) == clips[:2]
    assert truth_set(tmp_path, {}, count=3) == clips
    assert [clip.path.stat().st_mtime_ns for clip in clips] == stamps
    clips[1].path.unlink()
    assert truth_set(tmp_path, {}, count=3) == clips
    assert clips[1].path.is_file()
    assert clips[0].path.stat().st_mtime_ns == stamps[0]
    other = truth_set(tmp_path, {}, count=3, seed=1)
    assert other[0].events != clips[0].events


def test_footage_is_cut_from_shot_to_shot(tmp_path: Path) -> None:
    bikes = factory.make_clip(tmp_path / "bikes.mp4", [1.2, 3.04, 5.48, 7.48, 9.68], duration=10.0, size=(320, 136))
    clips = truth_set(tmp_path / "set", {"bikes": bikes, "unknown": bikes}, count=2)
    clip = next(clip for clip in clips if clip.kind == "footage")
    times, change = changes(clip)
    largest = np.sort(times[np.argsort(change)[-len(clip.events) :]])
    np.testing.assert_allclose(largest, clip.times, atol=1e-4)
    assert all(event == Event(event.time, 1.0, "cut") for event in clip.events)
