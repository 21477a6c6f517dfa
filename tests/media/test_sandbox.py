import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from model_core.media import MediaError, MediaLimits, frames, probe, read_audio
from model_core.media.demux import source
from model_core.media.sandbox.messages import Source
from model_core.media.sandbox.parent import Sandbox
from tests import video_factory as factory
from tests.processes import is_running, until

ROOT = Path(__file__).resolve().parents[2]
# A caller whose child, confined like any other, sleeps where it would decode; it prints the child's id.
CALLER_OF_A_SLEEPER = """
from model_core.media import MediaLimits
from model_core.media.sandbox import parent as sandbox
sandbox._BOOT = (
    "import sys, time; sys.path.append(sys.argv[1]); from model_core.media.sandbox import child;"
    "child._nothing = lambda *_: time.sleep(600); child.main()"
)
with sandbox.Sandbox("nothing", {}, MediaLimits()) as child:
    sandbox.log_confinement = lambda _: print(child._process.pid, flush=True)
    child.receive()
"""


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    """Neither a running child nor a zombie remains after any call."""
    before = {child.pid for child in psutil.Process().children()}
    yield
    assert {child.pid for child in psutil.Process().children()} <= before


def _newest_child() -> psutil.Process:
    """The sandbox's; other tests of the session may have left a server running."""
    return max(psutil.Process().children(), key=lambda child: float(child.create_time()))


def _code(path: Path, limits: MediaLimits, rate: float = 25.0, size: int = 64) -> str:
    with pytest.raises(MediaError) as caught:
        deque(frames(path, rate, size, limits), maxlen=0)
    return caught.value.code


def test_an_abandoned_iterator_ends_its_child(tmp_path: Path) -> None:
    path = factory.make_clip(tmp_path / "a.mp4", duration=20.0)
    before = {child.pid for child in psutil.Process().children()}
    pictures = frames(path, 25.0, 128)
    next(pictures)
    assert len({child.pid for child in psutil.Process().children()} - before) == 1
    del pictures


def test_an_error_of_the_consumer_ends_the_child(tmp_path: Path) -> None:
    path = factory.make_clip(tmp_path / "a.mp4", duration=20.0)

    def consume() -> None:
        for _ in frames(path, 25.0, 128):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        consume()


def test_the_child_waits_for_a_slow_consumer(tmp_path: Path) -> None:
    path = factory.make_clip(tmp_path / "a.mp4", duration=40.0)
    pictures = frames(path, 25.0, 256)
    next(pictures)
    child = _newest_child()
    psutil.wait_procs([child], timeout=1.0)
    assert child.is_running()  # 1000 pictures are 197 MB: they do not fit into the pipe
    sizes = [len(batch.rgb) for batch in pictures]
    assert sum(sizes) == 1000 - 64


def test_the_childs_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    path = factory.make_clip(tmp_path / "a.mp4", static=True, duration=120.0, fps=5)
    pictures = frames(path, 25.0, 256)
    used = []
    for _ in zip(range(44), pictures, strict=False):  # of 47 batches, 590 MB in all
        used.append(_newest_child().memory_info().rss)
    assert max(used[2:]) - used[1] < 64 << 20
    pictures.close()


def test_too_little_memory_is_told(tmp_path: Path) -> None:
    path = factory.make_huge_picture(tmp_path / "a.mp4")
    with pytest.raises(MediaError, match="memory") as caught:
        probe(path, MediaLimits(max_pixels=10**9, memory_bytes=400 << 20))
    assert caught.value.code == "budget"
    assert probe(path, MediaLimits(max_pixels=10**9)).width == 8000


def test_too_little_wall_time_is_told(tmp_path: Path) -> None:
    assert _code(factory.make_clip(tmp_path / "a.mp4"), MediaLimits(wall_s=0.02)) == "budget"


def test_too_little_processor_time_is_told(tmp_path: Path) -> None:
    path = factory.make_clip(tmp_path / "a.mp4", static=True, duration=60.0, fps=5)
    assert _code(path, MediaLimits(cpu_s=1), rate=240.0, size=512) == "budget"  # 11 GB of pictures to hand over


def test_too_many_pictures_are_told(tmp_path: Path) -> None:
    path = factory.make_clip(tmp_path / "a.mp4", duration=2.0)
    assert _code(path, MediaLimits(max_frames=49)) == "budget"
    assert sum(len(batch.rgb) for batch in frames(path, 25.0, 16, MediaLimits(max_frames=50))) == 50


def test_a_killed_child_is_told(tmp_path: Path) -> None:
    pictures = frames(factory.make_clip(tmp_path / "a.mp4", duration=40.0), 25.0, 256)
    next(pictures)
    _newest_child().kill()
    with pytest.raises(MediaError) as caught:
        list(pictures)
    assert caught.value.code == "budget"


def test_a_child_ends_with_a_caller_that_is_killed() -> None:
    command = [sys.executable, "-c", CALLER_OF_A_SLEEPER]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as caller:
        assert caller.stdout is not None
        child = int(caller.stdout.readline())
        caller.kill()
    try:
        until(lambda: not is_running(child), "the child to end")
    finally:
        if is_running(child):
            os.kill(child, signal.SIGKILL)


def test_limits_below_an_interpreter_are_refused() -> None:
    with pytest.raises(ValueError, match="memory_bytes"):
        MediaLimits(memory_bytes=1 << 20)


def test_the_child_may_write_no_file_and_sees_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "of the caller")
    path = factory.make_clip(tmp_path / "a.mp4", duration=40.0)
    arguments = {"rate": 25.0, "size": 256}
    with Sandbox("frames", arguments, MediaLimits(), source=path, largest_payload=64 * 256 * 256 * 3) as sandbox:
        sandbox.receive()
        child = psutil.Process(sandbox._process.pid)
        assert "A_SECRET" not in child.environ()
        assert child.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
        assert child.rlimit(psutil.RLIMIT_AS)[1] == MediaLimits().memory_bytes
        assert child.rlimit(psutil.RLIMIT_CORE) == (0, 0)


@pytest.mark.parametrize("make", [factory.make_concat_playlist, factory.make_hls_playlist])
def test_the_format_whitelist_alone_refuses_playlists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: factory.PlaylistMaker
) -> None:
    playlist = make(tmp_path / "list.mp4", factory.make_clip(tmp_path / "target.mp4", duration=0.4))
    monkeypatch.setattr(source, "_PLAYLISTS", (b"never",))
    with (
        playlist.open("rb") as file,
        pytest.raises(MediaError) as caught,
        source.open_container(Source(file.fileno(), playlist.name), MediaLimits()),
    ):
        pass
    assert caught.value.code == "not_a_video"


def test_a_playlist_does_not_open_the_file_that_it_names(tmp_path: Path) -> None:
    """Opening a pipe for reading would block until a writer comes; nobody may come to be waited for."""
    target = tmp_path / "target.mp4"
    os.mkfifo(target)
    with pytest.raises(MediaError) as caught:
        probe(factory.make_concat_playlist(tmp_path / "a.mp4", target))
    assert caught.value.code == "playlist"
    with pytest.raises(MediaError):
        probe(target)
    with pytest.raises(OSError, match="No such device"):
        os.open(target, os.O_WRONLY | os.O_NONBLOCK)  # no reader holds the pipe


def test_media_imports_neither_pyav_nor_torch() -> None:
    code = "import sys, model_core.media; sys.exit(bool({'av', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_sound_over_the_limit_is_refused(tmp_path: Path) -> None:
    path = factory.make_sound_only(tmp_path / "a.m4a", duration=2.0)
    with pytest.raises(MediaError) as caught:
        read_audio(path, limits=MediaLimits(max_duration_s=1.0))
    assert caught.value.code == "too_long"
