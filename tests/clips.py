"""Small media files, made on the spot."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 44100


def video(
    path: Path, seconds: float = 1.0, fps: int = 12, size: tuple[int, int] = (64, 48), audio: bool = True
) -> Path:
    """A picture that changes colour every half second, with a quiet tone."""
    with av.open(str(path), "w") as out:
        pictures = out.add_stream("libx264", rate=fps)
        pictures.width, pictures.height = size
        pictures.pix_fmt = "yuv420p"
        sound = out.add_stream("aac", rate=RATE) if audio else None
        for index in range(round(seconds * fps)):
            shade = 40 + 150 * (index * 2 // fps % 2)
            picture = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), shade, np.uint8), format="rgb24")
            out.mux(pictures.encode(picture))
        out.mux(pictures.encode(None))
        if sound is not None:
            assert isinstance(sound, av.AudioStream)
            _tone(out, sound, seconds)
    return path


def audio_only(path: Path, seconds: float = 1.0) -> Path:
    """A tone without a picture."""
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=RATE)
        assert isinstance(sound, av.AudioStream)
        _tone(out, sound, seconds)
    return path


def without_frames(path: Path) -> Path:
    """A video stream that is declared and holds no packet."""
    with av.open(str(path), "w", options={"movflags": "empty_moov+frag_keyframe"}) as out:
        pictures = out.add_stream("libx264", rate=12)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        out.start_encoding()
    return path


def playlist(path: Path, target: Path) -> Path:
    """A text file that asks the demuxer to open another local file."""
    path.write_text(f"ffconcat version 1.0\nfile '{target}'\n")
    return path


def truncated(path: Path, source: Path) -> Path:
    """The first 60 % of a video: its index, which comes last, is missing."""
    data = source.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    return path


def _tone(out: av.container.OutputContainer, sound: av.AudioStream, seconds: float) -> None:
    times = np.arange(round(seconds * RATE)) / RATE
    wave = (0.1 * np.sin(2 * np.pi * 220 * times)).astype(np.float32)
    for start in range(0, wave.size, 1024):
        block = np.stack([wave[start : start + 1024]] * 2)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        out.mux(sound.encode(frame))
    out.mux(sound.encode(None))
