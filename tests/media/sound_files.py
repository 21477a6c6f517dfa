"""Small sound files of every kind, encoded on the spot."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

RATE: Final = 48_000
CODECS: Final = {
    ".wav": "pcm_s16le",
    ".wave": "pcm_f32le",
    ".aif": "pcm_s16be",
    ".aiff": "pcm_s24be",
    ".flac": "flac",
    ".mp3": "libmp3lame",
    ".m4a": "aac",
    ".m4b": "alac",
    ".aac": "aac",
    ".ogg": "vorbis",
    ".oga": "flac",
    ".opus": "libopus",
    ".wma": "wmav2",
    ".mka": "libopus",
    ".weba": "libopus",
}
"""One encoder for each suffix."""
_CONTAINERS: Final = {".wave": "wav", ".aif": "aiff", ".m4a": "ipod", ".m4b": "ipod", ".wma": "asf", ".weba": "webm"}


def tone(seconds: float = 0.5, hertz: float = 440.0, amplitude: float = 0.3) -> NDArray[np.float32]:
    """A sine with clicks four times a second, so that something happens in it: (2, N) at RATE."""
    times = np.arange(round(seconds * RATE)) / RATE
    one = amplitude * np.sin(2 * np.pi * hertz * times) * np.where(times % 0.25 < 0.02, 1.0, 0.5)
    return np.stack([one, 0.8 * one]).astype(np.float32)


def write_sound(path: Path, samples: NDArray[np.float32] | None = None, tags: Mapping[str, str] | None = None) -> Path:
    """Encode (2, N) samples at RATE, by default a tone, in the way that the suffix names."""
    samples = tone() if samples is None else samples
    suffix = path.suffix.lower()
    with av.open(str(path), "w", format=_CONTAINERS.get(suffix)) as container:
        container.metadata.update(tags or {})
        stream: Any = container.add_stream(CODECS[suffix], rate=RATE, layout="stereo")
        context = stream.codec_context
        context.format = context.codec.audio_formats[0].name
        if CODECS[suffix] == "vorbis":
            stream.options = {"strict": "experimental"}
        context.bit_rate = 128_000
        context.open()
        resampler = av.AudioResampler(context.format.name, "stereo", RATE, context.frame_size or None)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = RATE, 0
        for block in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(block))
        container.mux(stream.encode(None))
    return path


def write_latin_tags(path: Path) -> Path:
    """A WAV whose genre is in Latin-1, as many programs of Windows write it."""
    write_sound(path)
    text = "Fado da Sé\0".encode("latin-1")
    text += b"\0" * (len(text) % 2)
    chunk = b"INFO" + b"IGNR" + struct.pack("<I", len(text)) + text
    data = path.read_bytes() + b"LIST" + struct.pack("<I", len(chunk)) + chunk
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    return path
