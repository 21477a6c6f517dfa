"""A sandbox process that says what the file's author wants: played by a real one that runs a program of ours."""

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model_core.media import MediaError, MediaLimits, frames, mux, probe, read_audio, read_tags
from model_core.media.sandbox import parent
from model_core.media.sandbox.confinement import MEANS
from tests import video_factory as factory

TakeOver = Callable[[str], None]
SAY = """
import json, os, sys
sys.stdin.buffer.readline()
def say(header, payload=b""):
    os.write(1, json.dumps({**header, "bytes": len(payload)}).encode() + b"\\n" + payload)
"""
CONFINED = f'say({{"kind": "confined", "taken": {[*MEANS]}, "missing": []}})\n'
SILENCE = np.zeros((2, 44_100), dtype=np.float32)
OF_THE_SYSTEM = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.ENOENT, errno.EINTR]


@pytest.fixture
def take_over(monkeypatch: pytest.MonkeyPatch) -> TakeOver:
    """Makes every sandbox process run that program after it has said how it is confined."""
    return lambda code: monkeypatch.setattr(parent, "_BOOT", SAY + CONFINED + code)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return factory.make_clip(tmp_path / "a.mp4", duration=1.0)


def _refused(call: Callable[[], object]) -> str:
    with pytest.raises(MediaError) as caught:
        call()
    assert caught.value.code == "unreadable"
    return caught.value.detail


@pytest.mark.parametrize("number", OF_THE_SYSTEM)
def test_no_error_of_the_system_is_believed_of_a_reader(take_over: TakeOver, video: Path, number: int) -> None:
    take_over(f'say({{"kind": "error", "errno": {number}, "detail": ""}})')
    assert "its decoder reported an error" in _refused(lambda: probe(video))


@pytest.mark.parametrize("number", OF_THE_SYSTEM)
def test_a_disk_with_room_is_not_full(take_over: TakeOver, video: Path, number: int) -> None:
    take_over(f'say({{"kind": "error", "errno": {number}, "detail": ""}})')
    _refused(lambda: mux(video, SILENCE, 44_100, video.with_name("out.mp4")))
    assert [path.name for path in video.parent.iterdir()] == ["a.mp4"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_is_full_is_told(video: Path) -> None:
    arguments = {"suffix": ".mkv", "sample_rate": 44_100, "samples": 0}
    with (
        parent.Sandbox("mux", arguments, MediaLimits(), source=video, out=Path("/dev/full")) as child,
        pytest.raises(OSError, match="/dev/full") as caught,
    ):
        child.receive()
    assert caught.value.errno == errno.ENOSPC


def test_a_child_that_cannot_be_confined_speaks_for_itself(monkeypatch: pytest.MonkeyPatch, video: Path) -> None:
    monkeypatch.setattr(parent, "_BOOT", SAY + 'say({"kind": "error", "errno": 22, "detail": "the sandbox: prctl"})')
    with pytest.raises(OSError, match="the sandbox: prctl") as caught:
        probe(video)
    assert caught.value.errno == errno.EINVAL


def test_blocks_without_a_sample_are_refused(take_over: TakeOver, video: Path) -> None:
    take_over('say({"kind": "sound"}, bytes(8))\nsay({"kind": "sound"})\nsay({"kind": "end"})')
    _refused(lambda: read_audio(video))


def test_small_blocks_are_one_sound(take_over: TakeOver, video: Path) -> None:
    one, two = np.array([[1], [2]], dtype=np.float32), np.array([[3, 4], [5, 6]], dtype=np.float32)
    take_over(
        "".join(f'say({{"kind": "sound"}}, {block.tobytes()!r})\n' for block in (one, two)) + 'say({"kind": "end"})'
    )
    assert read_audio(video).tolist() == [[1, 3, 4], [2, 5, 6]]


def test_no_sound_and_no_picture_are_refused(take_over: TakeOver, video: Path) -> None:
    take_over('say({"kind": "end"})')
    _refused(lambda: read_audio(video))
    _refused(lambda: list(frames(video, 25.0, 16)))


def test_tags_that_are_a_list_are_refused(take_over: TakeOver, video: Path) -> None:
    take_over('say({"kind": "tags", "tags": []})')
    _refused(lambda: read_tags(video))
