"""The operation ``mux``: the video packets of a source, unchanged, with new sound."""

import errno
import math
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from model_core.media.demux.source import open_container, pick_video
from model_core.media.demux.timeline import kept_packets, scan
from model_core.media.sandbox.messages import Channel, OpenFile, Source
from model_core.media.types import MediaError, MediaLimits

AAC_FRAME: Final = 1024
AAC_BITS_PER_SECOND: Final = 192_000
_FORMATS: Final = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".wmv": "asf"}
_ISO_MEDIA: Final = (".mp4", ".m4v", ".mov")


def mux(
    channel: Channel, limits: MediaLimits, source: Source, out: int, suffix: str, sample_rate: int, samples: int
) -> None:
    """Read ``samples`` stereo samples from the caller, interleaved float32, and write to the descriptor ``out``.

    Both streams start at zero. All times of the video are shifted by one constant, its origin; they change further only
    where the source breaks a rule of containers or omits times. The sound is cut, or padded with silence, to the
    video's length.
    """
    timeline = scan(source, limits)
    with open_container(source, limits) as container:
        stream = pick_video(container, limits)
        with _result(out, suffix) as result:
            copy = _copy_of(stream, result, suffix)
            wanted = round(timeline.duration * sample_rate)
            sound = _SoundEncoder(channel, result, sample_rate, available=min(samples, wanted), wanted=wanted)
            last = int(timeline.pts.argmax())
            for number, packet in enumerate(kept_packets(container, stream, timeline)):
                # Not every source has durations; without them MP4's edit list would end before the last picture.
                packet.duration = packet.duration or timeline.step
                if number == last:
                    packet.duration = timeline.end - timeline.origin - int(timeline.pts[number])
                sound.encode_to(int(timeline.dts[number]) * timeline.time_base)
                packet.stream = copy
                result.mux(packet)
            sound.finish()
    channel.send({"kind": "end"})


def _result(out: int, suffix: str) -> OutputContainer:
    def reopen(url: str, flags: int, options: dict[str, str]) -> OpenFile:
        """Open the result a second time: FFmpeg reads what it wrote to move the index to the front."""
        return OpenFile(out, url)

    options = {"movflags": "+faststart"} if suffix in _ISO_MEDIA else {}
    return av.open(OpenFile(out, "result"), "w", format=_FORMATS[suffix], options=options, io_open=reopen)


def _copy_of(stream: VideoStream, result: OutputContainer, suffix: str) -> VideoStream:
    name = stream.codec_context.codec.canonical_name
    try:
        # opaque: only parameters are copied, so no encoder for the codec is needed. They include the display matrix,
        # which rotates the pictures of phones.
        copy = result.add_stream_from_template(stream, opaque=True)
    except ValueError as error:
        detail = f"A file that ends in {suffix} cannot contain {name} video."
        raise MediaError(detail, "container", field="out") from error
    if name == "hevc" and suffix in _ISO_MEDIA:
        copy.codec_context.codec_tag = "hvc1"  # the tag that Apple's players need; the packets are the same
    return copy


class _SoundEncoder:
    """Encoder of the caller's samples, frame by frame, up to the current time of the video."""

    def __init__(
        self, channel: Channel, result: OutputContainer, sample_rate: int, available: int, wanted: int
    ) -> None:
        self._channel, self._result, self._rate = channel, result, sample_rate
        self._available, self._wanted, self._done = available, wanted, 0
        self._stream: AudioStream = result.add_stream("aac", rate=sample_rate, layout="stereo")
        context: AudioCodecContext = self._stream.codec_context
        context.bit_rate = AAC_BITS_PER_SECOND

    def encode_to(self, seconds: Fraction) -> None:
        """Encode the samples before ``seconds``."""
        goal = min(math.ceil(seconds * self._rate), self._wanted)
        while self._done < goal:
            count = min(AAC_FRAME, self._wanted - self._done)
            given = max(0, min(count, self._available - self._done))
            block = np.zeros((2, count), dtype=np.float32)
            if given:
                read = np.frombuffer(self._channel.read(given * 8), dtype=np.float32)
                block[:, :given] = np.clip(read.reshape(given, 2).T, -1.0, 1.0)
            frame = AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = self._rate, self._done, Fraction(1, self._rate)
            self._done += count
            self._result.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Encode the remaining samples and flush the encoder."""
        self.encode_to(Fraction(self._wanted, self._rate))
        if not self._done:
            raise OSError(errno.EINVAL, "the video is shorter than one sample")
        self._result.mux(self._stream.encode(None))
