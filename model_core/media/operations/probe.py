"""The operation ``probe``: what is in the file, and that its first picture can be decoded."""

from fractions import Fraction
from typing import Final

from av.video.frame import VideoFrame

from model_core.media.demux.source import decoded, opened, pick_audio, pick_video
from model_core.media.demux.timeline import scan
from model_core.media.demux.track import packets
from model_core.media.sandbox.child.channel import Channel, Source
from model_core.media.types import MediaError, MediaLimits

_STRANGEST_ASPECT: Final = 32


def probe(channel: Channel, limits: MediaLimits, source: Source) -> None:
    """Send one message with the fields of VideoInfo."""
    timeline = scan(source, limits)
    with opened(source, limits) as container:
        stream = pick_video(container, limits)
        audio = pick_audio(container)
        codec = stream.codec_context.codec.canonical_name
        picture = next(decoded(packets(container, stream), stream, limits), None)
        if picture is None:
            raise MediaError(f"The video's {codec} pictures cannot be decoded.", "unreadable")
        aspect = stream.sample_aspect_ratio or Fraction(1)
        if not 1 <= _STRANGEST_ASPECT * aspect <= _STRANGEST_ASPECT**2:
            aspect = Fraction(1)  # no screen has such pixels
        width, height = max(1, round(picture.width * aspect)), picture.height
        rotation = clockwise(picture)
        if rotation in (90, 270):
            width, height = height, width
        channel.send(
            {
                "kind": "info",
                "duration": float(timeline.duration),
                "width": width,
                "height": height,
                "rotation": rotation,
                "fps": float(timeline.frames / timeline.duration),
                "variable_frame_rate": timeline.variable,
                "video_codec": codec,
                "audio_codec": audio.codec_context.codec.canonical_name if audio else None,
                "container": container.format.name,
                "frames": timeline.frames,
            }
        )


def clockwise(picture: VideoFrame) -> int:
    """Degrees that a player turns the coded picture clockwise, to the nearest quarter (FFmpeg counts the other way)."""
    return round(-picture.rotation / 90) % 4 * 90
