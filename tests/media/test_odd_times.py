"""Results of videos whose containers tell little of their times: every shown picture stands where it stood."""

from pathlib import Path

import numpy as np
import pytest

from model_core.media import MediaError, frames, mux, probe, video_packets_digest
from tests import video_factory as factory
from tests.media import odd_files

TONE = np.full((2, 4410), 0.1, dtype=np.float32)
CUTS: dict[str, list[tuple[float, float]]] = {
    "a piece left out": [(1, 0.2), (2, 3.1)],
    "pieces in another order": [(2, 3.1), (1, 0.2)],
    "three pieces": [(1, 0), (1, 2.1), (1, 4.3)],
    "one piece twice": [(1, 1), (1, 1)],
    "a frame left out": [(2, 0), (3, 2.04)],
    "many pieces": [(0.12, 0.32 * number) for number in range(15)],
}


def _scored(source: Path) -> Path:
    scored = source.with_name("scored.mp4")
    mux(source, TONE, 44_100, scored)
    return scored


def _lasting(pictures: list[tuple[float, bytes]], end: float) -> list[tuple[float, bytes]]:
    """Those that stay on screen for more than 2 ms; two pieces may overlap by less."""
    ends = [*(time for time, _ in pictures[1:]), end]
    return [one for one, until in zip(pictures, ends, strict=True) if until > one[0] + 0.002]


def _rises(times: list[float]) -> bool:
    return bool((np.diff(times) > 0).all())


@pytest.mark.parametrize("b_frames", [0, 2, 4])
@pytest.mark.parametrize("name", ["a.avi", "a.asf", "a.mpg", "every2.ts", "every12.ts", "a.ts", "a.mkv", "a.mp4"])
def test_h264_stands_at_its_times_wherever_it_comes_from(tmp_path: Path, name: str, b_frames: int) -> None:
    source = factory.make_clip(tmp_path / name, [0.5, 1.2], duration=3.0, b_frames=b_frames)
    if name.startswith("every"):
        odd_files.with_times_on_every(source, int(source.stem.removeprefix("every")))
    info, scored = probe(source), _scored(source)
    times = [time for time, _ in odd_files.shown(scored)]
    assert times == pytest.approx(np.arange(75) / 25, abs=1e-3)
    assert _rises(times)
    assert info.duration == pytest.approx(3.0)
    assert (info.frames, info.variable_frame_rate) == (75, False)
    assert video_packets_digest(scored) == video_packets_digest(source)


@pytest.mark.parametrize("name", ["a.avi", "a.mpg", "every12.ts"])
def test_frames_sees_a_cut_where_the_result_has_it(tmp_path: Path, name: str) -> None:
    source = factory.make_clip(tmp_path / name, [0.52, 1.32], duration=2.0)
    if name.startswith("every"):
        odd_files.with_times_on_every(source, 12)
    seen, kept = (list(frames(path, 25.0, 16)) for path in (source, _scored(source)))
    np.testing.assert_array_equal(seen[0].rgb, kept[0].rgb)
    change = np.abs(np.diff(seen[0].rgb.astype(int), axis=0)).mean(axis=(1, 2, 3))
    assert sorted(seen[0].times[1:][np.argsort(change)[-2:]]) == pytest.approx([0.52, 1.32])


@pytest.mark.parametrize("name", CUTS)
def test_what_is_cut_in_several_places_is_shown_as_before(tmp_path: Path, name: str) -> None:
    source = factory.make_clip(tmp_path / "a.mp4", [0.5, 1.2], duration=6.0)
    odd_files.cut_by_edit_list(source, CUTS[name])
    before, scored = odd_files.shown(source), _scored(source)
    after = odd_files.shown(scored)
    assert probe(source).frames == len(before)
    assert _rises([time for time, _ in after])
    # Between the cuts stands what the pictures after them need, a tick each; all else is as it was.
    assert probe(scored).duration == pytest.approx(probe(source).duration, abs=0.041)
    lasting, lasted = (_lasting(pictures, probe(source).duration) for pictures in (after, before))
    assert [picture for _, picture in lasting] == [picture for _, picture in lasted]
    assert [time for time, _ in lasting] == pytest.approx([time for time, _ in lasted], abs=0.005)
    assert video_packets_digest(scored) == video_packets_digest(source)


def test_an_index_that_tells_of_the_same_bytes_again_and_again_is_refused_at_the_upload(tmp_path: Path) -> None:
    still = odd_files.make_still(tmp_path / "a.mp4")
    assert probe(still).frames == 1
    odd_files.with_one_place_for_all_pictures(still, 1000)
    with pytest.raises(MediaError, match=r"lists \d+ bytes of pictures in a file of \d+") as refused:
        probe(still)
    assert refused.value.code == "budget"
