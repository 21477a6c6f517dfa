import errno
import os
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.media import (
    MediaError,
    MediaLimits,
    frames,
    mux,
    output_suffix,
    probe,
    read_audio,
    video_packets_digest,
    write_wav,
)
from model_core.media.sandbox import parent
from model_core.media.sandbox.confinement import MEANS
from tests import video_factory as factory

AAC_FRAME = 1024
SOURCES: dict[str, dict[str, Any]] = {
    "a.mp4": {"audio": True},
    "vfr.mp4": {"vfr": True},
    "a.mov": {},
    "a.mkv": {"audio": True},
    "a.ts": {},
    "a.flv": {},
    "h264.avi": {},
    "a.avi": {"codec": "mpeg4"},
    "a.mpg": {"codec": "mpeg2video"},
    "vp9.webm": {"codec": "libvpx-vp9", "audio": True},
    "vp8.webm": {"codec": "libvpx"},
    "a.wmv": {"codec": "wmv2"},
}

# A child that says and writes what it is told to, once it has said how it is confined.
ANSWERING = f"""
import json, os, sys
request = json.loads(sys.stdin.buffer.readline())
limits = request["limits"]
def say(header):
    os.write(1, json.dumps({{**header, "bytes": 0}}).encode() + b"\\n")
def write(data):
    os.write(request["arguments"]["out"], data)
say({{"kind": "confined", "taken": {[*MEANS]}, "missing": []}})
"""


def _tone(seconds: float, rate: int = 44100) -> NDArray[np.float32]:
    time = np.arange(round(seconds * rate)) / rate
    return np.stack([0.3 * np.sin(2 * np.pi * 440 * time), 0.3 * np.sin(2 * np.pi * 660 * time)]).astype(np.float32)


def _pictures(path: Path) -> NDArray[np.int64]:
    return np.concatenate([batch.rgb for batch in frames(path, 25.0, 32)]).astype(np.int64)


def _packets(path: Path) -> list[tuple[float, float | None, bytes]]:
    """(pts and dts in seconds from the first pts, payload) of the video packets."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        origin = min(packet.pts or 0 for packet in packets if not packet.is_discard)
        found = []
        for packet in packets:
            dts = None if packet.dts is None else float((packet.dts - origin) * packet.time_base)
            found.append((float(((packet.pts or 0) - origin) * packet.time_base), dts, bytes(packet)))
        return found


@pytest.mark.parametrize("name", SOURCES)
def test_pictures_are_kept_and_sound_is_as_long(tmp_path: Path, name: str) -> None:
    source = factory.make_clip(tmp_path / name, [0.5, 1.2], **SOURCES[name])
    before = probe(source)
    out = tmp_path / f"scored{output_suffix(before)}"
    mux(source, _tone(before.duration), 44100, out)
    after = probe(out)
    assert video_packets_digest(out) == video_packets_digest(source)
    assert (after.frames, after.video_codec, after.audio_codec) == (before.frames, before.video_codec, "aac")
    assert after.duration == pytest.approx(before.duration, abs=0.002)
    # Windows Media has no word for the 1024 samples that the encoder puts before the sound: its video begins later.
    ahead = AAC_FRAME if out.suffix == ".wmv" else 0
    assert 0 <= read_audio(out).shape[1] - ahead - round(after.duration * 44100) <= AAC_FRAME
    np.testing.assert_array_equal(_pictures(out), _pictures(source))


@pytest.mark.parametrize("vfr", [False, True])
@pytest.mark.parametrize("edited", [False, True])
def test_mp4_packets_keep_payload_and_times_exactly(tmp_path: Path, vfr: bool, edited: bool) -> None:
    source = factory.make_clip(tmp_path / "a.mp4", [0.5], vfr=vfr)
    if edited:
        factory.trim_by_edit_list(source, 0.6)
    mux(source, _tone(2.0), 44100, tmp_path / "out.mp4")
    assert _packets(tmp_path / "out.mp4") == _packets(source)
    np.testing.assert_array_equal(_pictures(tmp_path / "out.mp4"), _pictures(source))


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_what_an_edit_list_cuts_off_at_the_end_does_not_come_back(tmp_path: Path, suffix: str) -> None:
    source = factory.trim_by_edit_list(factory.make_clip(tmp_path / "a.mp4", [0.5], duration=2.0), 0.2, end=0.6)
    scored, before = tmp_path / f"out{suffix}", probe(source)
    mux(source, _tone(2.0), 44100, scored)
    after = probe(scored)
    assert (before.frames, after.frames) == (30, 30)
    assert after.duration == pytest.approx(before.duration, abs=0.001)
    assert video_packets_digest(scored) == video_packets_digest(source)


@pytest.mark.parametrize("rate", [44100, 48000])
@pytest.mark.parametrize("seconds", [0.0, 0.7, 2.0, 5.0])
def test_sound_is_cut_or_padded_to_the_video(tmp_path: Path, rate: int, seconds: float) -> None:
    source = factory.make_clip(tmp_path / "a.mp4", duration=2.0)
    mux(source, _tone(seconds, rate), rate, tmp_path / "out.mp4")
    sound = read_audio(tmp_path / "out.mp4", rate)
    assert 0 <= sound.shape[1] - 2 * rate <= AAC_FRAME
    filled = round(min(seconds, 2.0) * rate)
    if filled:
        assert np.abs(sound[:, 2000 : filled - 2000]).max(axis=1) == pytest.approx([0.3, 0.3], abs=0.06)
    if filled < 2 * rate:
        assert np.abs(sound[:, filled + 3000 :]).max() < 1e-3


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_click_stays_where_it_is(tmp_path: Path, suffix: str) -> None:
    sound = np.zeros((2, 88200), dtype=np.float32)
    sound[:, 44100:44110] = 0.9
    source = factory.make_clip(tmp_path / "a.ts", [1.0], duration=2.0)
    out = tmp_path / f"out{suffix}"
    mux(source, sound, 44100, out)
    with av.open(str(out)) as container:
        starts = [float((stream.start_time or 0) * (stream.time_base or 0)) for stream in container.streams]
    heard = int(np.abs(read_audio(out)[0]).argmax())
    assert heard / 44100 == pytest.approx(1.0, abs=0.001)
    assert starts == [pytest.approx(0.0, abs=0.002)] * 2


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_the_index_comes_first(tmp_path: Path, suffix: str) -> None:
    mux(factory.make_clip(tmp_path / "a.mp4"), _tone(2.0), 44100, tmp_path / f"out{suffix}")
    data = (tmp_path / f"out{suffix}").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_is_kept(tmp_path: Path, suffix: str, rotation: int) -> None:
    source = factory.make_clip(tmp_path / "a.mp4", duration=0.4, rotation=rotation)
    out = tmp_path / f"out{suffix}"
    mux(source, _tone(0.4), 44100, out)
    assert probe(out).rotation == rotation
    np.testing.assert_array_equal(_pictures(out), _pictures(source))


def test_only_the_picture_of_the_source_is_kept(tmp_path: Path) -> None:
    source = factory.make_clip(tmp_path / "a.mp4", audio=True)
    mux(source, np.zeros((2, 88200), dtype=np.float32), 44100, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
    assert np.abs(read_audio(tmp_path / "out.mp4")).max() < 1e-3


def test_a_result_may_replace_its_source(tmp_path: Path) -> None:
    source = factory.make_clip(tmp_path / "a.mp4")
    digest = video_packets_digest(source)
    mux(source, _tone(2.0), 44100, source)
    assert video_packets_digest(source) == digest
    assert probe(source).audio_codec == "aac"
    assert os.listdir(tmp_path) == ["a.mp4"]


def _refused(source: Path, out: Path, limits: MediaLimits | None = None) -> MediaError:
    with pytest.raises(MediaError) as caught:
        mux(source, _tone(2.0), 44100, out, limits or MediaLimits())
    return caught.value


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    source = factory.make_clip(tmp_path / "a.mp4", [0.5])
    out = tmp_path / "out.mp4"
    out.write_bytes(b"old")
    assert _refused(source, out, MediaLimits(file_bytes=10_000)).code == "budget"
    assert _refused(source, out, MediaLimits(wall_s=0.05)).code == "budget"
    assert _refused(factory.make_truncated(tmp_path / "t.mp4", source, 0.5), out).code == "unreadable"
    assert out.read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["a.mp4", "out.mp4", "t.mp4"]


def test_a_container_that_cannot_hold_the_codec_is_named(tmp_path: Path) -> None:
    source = factory.make_clip(tmp_path / "a.webm", codec="libvpx", duration=0.4)
    for name in ("out.mp4", "out.webm", "out"):
        error = _refused(source, tmp_path / name)
        assert (error.field, error.code) == ("out", "container")
    assert os.listdir(tmp_path) == ["a.webm"]


def test_a_missing_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    source = factory.make_clip(tmp_path / "a.mp4", duration=0.4)
    with pytest.raises(OSError, match="missing") as caught:
        mux(source, _tone(0.4), 44100, tmp_path / "missing" / "out.mp4")
    assert caught.value.errno == errno.ENOENT


def test_wrong_samples_are_refused(tmp_path: Path) -> None:
    source = factory.make_clip(tmp_path / "a.mp4", duration=0.4)
    with pytest.raises(ValueError, match="finite"):
        mux(source, np.full((2, 10), np.nan, dtype=np.float32), 44100, tmp_path / "out.mp4")
    with pytest.raises(ValueError, match="shape"):
        mux(source, np.zeros((10, 2), dtype=np.float32), 44100, tmp_path / "out.mp4")
    with pytest.raises(ValueError, match="sample_rate"):
        mux(source, _tone(0.4), 22050, tmp_path / "out.mp4")


def test_wav_round_trip(tmp_path: Path) -> None:
    tone = _tone(0.5)
    tone[0, 7] = 3.0
    write_wav(tmp_path / "a.wav", tone, 44100)
    back = read_audio(tmp_path / "a.wav", 44100)
    assert back.shape == tone.shape
    np.testing.assert_allclose(back, np.clip(tone, -1, 1), atol=1.01 / 32767)


def test_sound_is_resampled_to_the_asked_rate(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", _tone(1.0), 44100)
    assert read_audio(tmp_path / "a.wav", 16000).shape == (2, pytest.approx(16000, abs=32))


def test_a_silent_video_has_no_audio_stream(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        read_audio(factory.make_clip(tmp_path / "a.mp4", duration=0.4))
    assert caught.value.code == "no_audio_stream"


@pytest.mark.parametrize("name", SOURCES)
def test_decoded_times_only_rise(tmp_path: Path, name: str) -> None:
    source = factory.make_clip(tmp_path / name, [0.5, 1.2], **SOURCES[name])
    out = tmp_path / f"scored{output_suffix(probe(source))}"
    mux(source, _tone(2.0), 44100, out)
    with av.open(str(out)) as container:
        times = [picture.pts or 0 for picture in container.decode(video=0)]
    assert (np.diff(times) > 0).all()


@pytest.mark.parametrize(
    "code",
    [
        'say({"kind": "end"})',  # and nothing is written
        'write(b"result"); say({"kind": "sound"})',
    ],
)
def test_an_answer_without_a_result_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    source = factory.make_clip(tmp_path / "a.mp4", duration=0.4)
    monkeypatch.setattr(parent, "_BOOT", ANSWERING + code)
    assert "the decoder sent invalid data" in _refused(source, tmp_path / "out.mp4").detail
    assert os.listdir(tmp_path) == ["a.mp4"]


def test_a_result_may_not_be_much_larger_than_its_source_and_the_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = factory.make_clip(tmp_path / "a.mp4", duration=0.4)
    monkeypatch.setattr(parent, "_BOOT", ANSWERING + 'write(str(limits["file_bytes"]).encode()); say({"kind": "end"})')
    mux(source, _tone(0.4), 44100, tmp_path / "told.mp4", MediaLimits(max_duration_s=10))
    assert int((tmp_path / "told.mp4").read_bytes()) < source.stat().st_size * 5 / 4 + (18 << 20)
