"""The operation ``read_audio``: the file's sound as stereo samples at one rate."""

import av
import numpy as np
from av.audio.resampler import AudioResampler

from model_core.media.demux.source import opened, pick_audio
from model_core.media.sandbox.child.channel import Channel
from model_core.media.sandbox.child.files import Source
from model_core.media.types import MediaError, MediaLimits


def read_audio(channel: Channel, limits: MediaLimits, source: Source, sample_rate: int) -> None:
    """Send blocks of float32 samples, each (2, n) with the left channel first, then ``end``."""
    with opened(source, limits) as container:
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
                continue  # a broken packet is passed over; a broken container ends the generator
            # The resampler keeps the end of each frame back; None asks for its rest.
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
