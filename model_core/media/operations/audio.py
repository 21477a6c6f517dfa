"""Operations on sound: ``read_audio``, stereo samples at one rate, and ``read_tags``, descriptions of the music."""

from typing import Final

import av
import numpy as np
from av.audio.resampler import AudioResampler

from model_core.media.demux.source import open_container, pick_audio
from model_core.media.sandbox.messages import Channel, Source
from model_core.media.types import MediaError, MediaLimits


def read_audio(channel: Channel, limits: MediaLimits, source: Source, sample_rate: int) -> None:
    """Send blocks of float32 samples, each (2, n) with the left channel first, then ``end``."""
    with open_container(source, limits) as container:
        stream = pick_audio(container)
        if stream is None:
            raise MediaError("The file has no audio stream.", "no_audio_stream")
        resampler = AudioResampler(format="fltp", layout="stereo", rate=sample_rate)
        sent, most = 0, limits.max_duration_s * sample_rate
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                decoded = packet.decode() if packet else []
            except av.error.InvalidDataError:
                continue  # a broken packet is skipped; a broken container ends the generator
            # The resampler holds back the end of each frame; None flushes it.
            for frame in decoded if packet else [None]:
                for block in resampler.resample(frame):
                    samples = np.ascontiguousarray(block.to_ndarray(), dtype=np.float32)
                    sent += samples.shape[1]
                    if sent > most:
                        detail = f"The file has more than {limits.max_duration_s:g} s of sound, the limit."
                        raise MediaError(detail, "too_long")
                    channel.send({"kind": "sound"}, samples.data.cast("B"))
            if packet is None:
                break
    if not sent:
        raise MediaError("The audio stream has no samples.", "unreadable")
    channel.send({"kind": "end"})


# Names of the tags in files: FFmpeg's own, and those of ID3 and MP4 that it does not translate.
_NAMES: Final = {
    "description": ("description", "tdes"),
    "comment": ("comment",),
    "genre": ("genre",),
    "mood": ("mood", "tmoo"),
    "bpm": ("bpm", "tbpm", "tmpo"),
    "key": ("key", "tkey", "initialkey", "initial_key"),
}
_LONGEST: Final = {"description": 1200, "comment": 1200, "genre": 200, "mood": 200, "bpm": 20, "key": 20}
"""Longest texts that are sent, in characters; together they stay below the limit of a message, however JSON escapes
them."""


def read_tags(channel: Channel, limits: MediaLimits, source: Source) -> None:
    """Send one message with the ``tags`` that the file has and that are not blank."""
    with open_container(source, limits) as container:
        stream = pick_audio(container)
        if stream is None:
            raise MediaError("The file has no audio stream.", "no_audio_stream")
        # Ogg stores tags in the stream; where both have one, that of the file is used.
        found = {name.lower(): text for name, text in (*stream.metadata.items(), *container.metadata.items())}
    tags: dict[str, str] = {}
    for tag, names in _NAMES.items():
        text = next((text for name in names if (text := _clean(found.get(name, "")))), "")
        if text:
            tags[tag] = text[: _LONGEST[tag]]
    channel.send({"kind": "tags", "tags": tags})


def _clean(text: str) -> str:
    """The text on one line, without unprintable characters, which tags in an unknown encoding are full of."""
    printable = "".join(one if one.isprintable() else " " for one in text.replace("\ufffd", ""))
    return " ".join(printable.split())
