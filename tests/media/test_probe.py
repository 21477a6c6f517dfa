import random
from collections.abc import Callable
from pathlib import Path

import pytest

from model_core.assets import asset
from model_core.media import MediaError, MediaLimits, VideoInfo, output_suffix, probe
from tests import video_factory as factory


def test_a_plain_clip(tmp_path: Path) -> None:
    info = probe(factory.make_clip(tmp_path / "a.mp4", [0.5], duration=2.0, fps=25, audio=True))
    assert info == VideoInfo(
        duration=2.0,
        width=160,
        height=120,
        rotation=0,
        fps=25.0,
        variable_frame_rate=False,
        video_codec="h264",
        audio_codec="aac",
        container="mov,mp4,m4a,3gp,3g2,mj2",
        frames=50,
    )


@pytest.mark.parametrize(("rotation", "displayed"), [(90, (120, 160)), (180, (160, 120)), (270, (120, 160))])
def test_rotation_turns_the_displayed_size(tmp_path: Path, rotation: int, displayed: tuple[int, int]) -> None:
    info = probe(factory.make_clip(tmp_path / "a.mp4", duration=0.4, rotation=rotation))
    assert (info.rotation, info.width, info.height) == (rotation, *displayed)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_variable_frame_rate_is_seen(tmp_path: Path, name: str) -> None:
    assert probe(factory.make_clip(tmp_path / name, vfr=True)).variable_frame_rate


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi", "a.flv"])
def test_rounded_times_are_not_taken_for_a_variable_rate(tmp_path: Path, name: str) -> None:
    info = probe(factory.make_clip(tmp_path / name, duration=2.0, fps=30000 / 1001))
    assert not info.variable_frame_rate
    assert info.fps == pytest.approx(29.97, rel=2e-3)


def test_the_duration_is_what_the_packets_say(tmp_path: Path) -> None:
    whole = factory.make_clip(tmp_path / "whole.mkv", [0.5], duration=2.0)
    cut = factory.make_truncated(tmp_path / "cut.mkv", whole, 0.6)
    info = probe(cut)
    assert info.frames is not None
    assert 0 < info.frames < 50
    assert info.duration < 1.9


def test_an_edit_list_shortens_the_video(tmp_path: Path) -> None:
    path = factory.trim_by_edit_list(factory.make_clip(tmp_path / "a.mp4", duration=2.0), start=0.6)
    info = probe(path)
    assert info.duration == pytest.approx(1.4)
    assert info.frames == 35


def test_the_bundled_clip() -> None:
    info = probe(asset("demo/montage.mp4"))
    assert 12 <= info.duration <= 20
    assert output_suffix(info) == ".mp4"


Maker = Callable[[Path, Path], Path]
HOSTILE: dict[str, tuple[str, Maker]] = {
    "empty": ("empty_file", lambda folder, good: factory.make_empty(folder / "a.mp4")),
    "ffconcat": ("playlist", lambda folder, good: factory.make_concat_playlist(folder / "a.mp4", good)),
    "hls": ("playlist", lambda folder, good: factory.make_hls_playlist(folder / "a.mp4", good)),
    "text": ("not_a_video", lambda folder, good: _written(folder / "a.mp4", b"no video\n" * 2000)),
    "zeros": ("not_a_video", lambda folder, good: _written(folder / "a.mp4", bytes(100_000))),
    "picture": ("not_a_video", lambda folder, good: _written(folder / "a.mp4", b"\x89PNG\r\n\x1a\n" + bytes(5000))),
    "cut short": ("unreadable", lambda folder, good: factory.make_truncated(folder / "a.mp4", good, 0.6)),
    "sound": ("no_video_stream", lambda folder, good: factory.make_sound_only(folder / "a.mp4")),
    "sound with cover": ("no_video_stream", lambda folder, good: factory.make_sound_with_cover(folder / "a.mp4")),
    "no pictures": ("no_frames", lambda folder, good: factory.make_without_pictures(folder / "a.mp4")),
    "huge picture": ("too_large_picture", lambda folder, good: factory.make_huge_picture(folder / "a.mp4")),
    "unwritable codec": ("codec", lambda folder, good: factory.make_clip(folder / "a.avi", codec="ffvhuff")),
    "missing": ("unreadable", lambda folder, good: folder / "missing.mp4"),
    "folder": ("unreadable", lambda folder, good: folder),
}


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", HOSTILE)
def test_each_unusable_file_gets_its_code(tmp_path: Path, kind: str) -> None:
    code, make = HOSTILE[kind]
    good = factory.make_clip(tmp_path / "good.mp4", [0.5], duration=1.0)
    with pytest.raises(MediaError) as caught:
        probe(make(tmp_path, good))
    assert (caught.value.code, caught.value.field) == (code, "video")


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_no_video(tmp_path: Path, seed: int) -> None:
    with pytest.raises(MediaError) as caught:
        probe(_written(tmp_path / "a.mp4", random.Random(seed).randbytes(200_000)))
    assert caught.value.code == "not_a_video"


def test_a_video_over_the_limit_is_told_the_limit(tmp_path: Path) -> None:
    path = factory.make_clip(tmp_path / "a.mp4", duration=2.0)
    with pytest.raises(MediaError, match=r"the limit is 1.5 s") as caught:
        probe(path, MediaLimits(max_duration_s=1.5))
    assert caught.value.code == "too_long"
    assert probe(path, MediaLimits(max_duration_s=2.0)).duration == 2.0


@pytest.mark.parametrize("name", ["-y.mp4", "pipe:0.mp4", "http:x.mp4", "a%d é.mp4", "concat:a|b.mp4"])
def test_a_name_is_only_a_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    factory.make_clip(tmp_path / "a.mp4", duration=0.4).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert probe(Path(name)).frames == 10
