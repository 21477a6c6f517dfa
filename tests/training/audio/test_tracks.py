from pathlib import Path

import numpy as np
import pytest
import torch

from model_core.curves.event_curve import EventCurve
from model_core.errors import InputError
from model_core.models.stable_audio.conditions import TextStates
from model_core.training.audio.tracks import TRACKS, Entry, MakerIds, Source, Track, TrackSet, write_track


def _entry(name: str) -> Entry:
    return Entry(Source(name, 1, 2), MakerIds("s", "t"), 3.5, ("a", "b"), "sidecar", "fine", 0.5)


def _set(names: list[str]) -> TrackSet:
    return TrackSet([Track(Path("nowhere"), _entry(name)) for name in names])


def test_a_track_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / TRACKS).mkdir()
    latents = torch.randn(5, 9, dtype=torch.float64).float().half().float()
    times, values = np.array([0.1, 1 / 3]), np.array([0.5, -1.25])
    states = torch.arange(24.0).reshape(1, 4, 6)
    mask = torch.tensor([[True, False, True, False]])
    curve = EventCurve(times, values, "fine", 0.5, sizes=np.array([2.0, 3.0]))
    write_track(tmp_path, _entry("x"), latents, curve, [TextStates(states, mask), TextStates(states.bfloat16(), ~mask)])
    track = Track(tmp_path, _entry("x"))
    assert torch.equal(track.latents, latents)
    read = track.curve
    assert (read.encoder, read.window) == ("fine", 0.5)
    assert np.array_equal(read.times, times)
    assert np.array_equal(read.values, values)
    assert read.sizes is not None
    assert read.sizes.tolist() == [2.0, 3.0]
    assert torch.equal(track.text(0).states, states * mask[..., None])
    assert torch.equal(track.text(1).states, states * ~mask[..., None])
    assert torch.equal(track.text(-1).mask, ~mask)
    assert track.text(1).states.dtype == torch.float32


def test_a_set_is_a_sequence() -> None:
    tracks = _set(["a", "b", "c"])
    assert [track.name for track in tracks[1:]] == ["b", "c"]
    assert (len(tracks), tracks[-1].name, tracks.seconds) == (3, "c", 10.5)


def test_a_split_is_by_track_and_repeats_itself() -> None:
    names = [f"{number:02}" for number in range(40)]
    train, held_out = _set(names).split(0.1, seed=3)
    assert len(held_out) == 4
    assert sorted([track.name for track in (*train, *held_out)]) == names
    again = _set(names[::-1]).split(0.1, seed=3)[1]
    assert {track.name for track in again} == {track.name for track in held_out}
    other = _set(names).split(0.1, seed=4)[1]
    assert {track.name for track in other} != {track.name for track in held_out}


def test_most_stays_held_out_when_the_folder_grows() -> None:
    names = [f"{number:03}" for number in range(200)]
    before = {track.name for track in _set(names).split(0.1, seed=0)[1]}
    after = {track.name for track in _set([*names, "new 1", "new 2"]).split(0.1, seed=0)[1]}
    assert len(before & after) >= len(before) - 2


@pytest.mark.parametrize(("tracks", "share", "held_out"), [(1, 0.5, 0), (2, 0.01, 1), (2, 0.99, 1), (10, 0.3, 3)])
def test_of_two_tracks_one_is_held_out_and_one_is_not(tracks: int, share: float, held_out: int) -> None:
    parts = _set([str(number) for number in range(tracks)]).split(share, seed=0)
    assert (len(parts[0]), len(parts[1])) == (tracks - held_out, held_out)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_of_none_or_all_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="held_out_share"):
        _set(["a", "b"]).split(share, seed=0)


@pytest.mark.parametrize("text", [None, "{", '{"tracks": [{"name": "a"}]}', "[]"])
def test_a_damaged_index_is_told(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "index.json").write_text(text)
    with pytest.raises(InputError, match=r"index\.json cannot be read") as caught:
        TrackSet.load(tmp_path)
    assert caught.value.field == "--data"
