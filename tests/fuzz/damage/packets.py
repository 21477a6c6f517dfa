"""Damage of streams: sound containers with packets that are missing, out of order, or at impossible times."""

import io
import tempfile
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any, Final

import av

from tests.fuzz.damage.kinds import Damage

Packets = list[Any]
"""PyAV's packets of one file, pictures and sound, in the order of the file."""

_MUXERS: Final = {
    "mov,mp4,m4a,3gp,3g2,mj2": "mov",
    "matroska,webm": "matroska",
    "mpegts": "mpegts",
    "avi": "avi",
    "flv": "flv",
    "asf": "asf",
    "ogg": "ogg",
    "mpeg": "mpeg",
    "mxf": "mxf",
}
_FAR: Final = (1 << 31, 1 << 40, (1 << 60), -(1 << 31), -(1 << 40))


def _rewritten(change: Callable[[Packets, Random], Packets]) -> Damage:
    """Damage that takes all packets out and puts into a new container of the same kind what ``change`` made of them.

    A muxer is more careful than whoever damages files: what it will not take at all is left out, and what it wrote
    until it gave up is a damaged file, too.
    """

    def damage(data: bytes, random: Random) -> bytes:
        with av.open(io.BytesIO(data), "r") as source, tempfile.NamedTemporaryFile() as file:
            known = [stream for stream in source.streams if stream.type in ("video", "audio")]
            packets = change([packet for packet in source.demux(known) if packet.size], random)
            wanted = {packet.stream.index for packet in packets}
            layout = {"fflags": "+bitexact"}
            with av.open(file.name, "w", _MUXERS[source.format.name], layout) as target:
                copies = {
                    one.index: target.add_stream_from_template(one, opaque=True) for one in known if one.index in wanted
                }
                for packet in packets:
                    packet.stream = copies[packet.stream.index]
                    _put(target, packet)
                _end(target)
            return file.read()

    return damage


def _put(target: Any, packet: Any) -> None:
    with suppress(av.error.FFmpegError, OverflowError):
        target.mux(packet)


def _end(target: Any) -> None:
    # Also of memory: an index over times that lie 2^60 apart has no end.
    with suppress(av.error.FFmpegError):
        target.close()


def _pictures(packets: Packets) -> Packets:
    return [packet for packet in packets if packet.stream.type == "video"]


def _changed(packet: Any, payload: bytes) -> Any:
    new = av.Packet(payload)
    new.stream, new.pts, new.dts, new.time_base = packet.stream, packet.pts, packet.dts, packet.time_base
    new.duration, new.is_keyframe = packet.duration, packet.is_keyframe
    return new


def _no_key(packets: Packets, _random: Random) -> Packets:
    return [packet for packet in packets if packet.stream.type != "video" or not packet.is_keyframe] or packets[:1]


def _sound_alone(packets: Packets, _random: Random) -> Packets:
    return [packet for packet in packets if packet.stream.type == "audio"] or packets[:1]


def _one_picture(packets: Packets, random: Random) -> Packets:
    return [random.choice(_pictures(packets))]


def _moved(packets: Packets, by: Callable[[int], int]) -> Packets:
    for number, packet in enumerate(packets):
        if packet.pts is not None:
            packet.pts = packet.pts + by(number)
        if packet.dts is not None:
            packet.dts = packet.dts + by(number)
    return packets


def _leap(packets: Packets, random: Random) -> Packets:
    far, first = random.choice(_FAR), random.randrange(len(packets))
    return _moved(packets, lambda number: far if number >= first else 0)


def _leap_and_return(packets: Packets, random: Random) -> Packets:
    far, at = random.choice(_FAR), random.randrange(len(packets))
    return _moved(packets, lambda number: far if number == at else 0)


def _negative(packets: Packets, random: Random) -> Packets:
    early = random.choice((-5000, -(1 << 33), -(1 << 62)))
    return _moved(packets, lambda number: early)


def _long(packets: Packets, random: Random) -> Packets:
    step = random.choice((50, 40_000, 10_000_000))
    return _moved(packets, lambda number: step * number)


def _at_once(packets: Packets, _random: Random) -> Packets:
    for packet in packets:
        packet.pts = 0
    return packets


def _shuffled_times(packets: Packets, random: Random) -> Packets:
    times = [packet.pts for packet in packets]
    random.shuffle(times)
    for packet, pts in zip(packets, times, strict=True):
        packet.pts = pts
    return packets


def _times_unknown(packets: Packets, random: Random) -> Packets:
    for packet in packets:
        if random.random() < 0.6:
            packet.pts = packet.dts = None
    return packets


def _shuffled_pictures(packets: Packets, random: Random) -> Packets:
    pictures = _pictures(packets)
    payloads = [bytes(packet) for packet in pictures]
    random.shuffle(payloads)
    new = {id(packet): _changed(packet, payload) for packet, payload in zip(pictures, payloads, strict=True) if payload}
    return [new.get(id(packet), packet) for packet in packets]


def _payloads(make: Callable[[bytes, Random], bytes]) -> Callable[[Packets, Random], Packets]:
    def change(packets: Packets, random: Random) -> Packets:
        return [
            _changed(packet, make(bytes(packet), random)) if random.random() < 0.4 else packet for packet in packets
        ]

    return change


DAMAGES: Final[dict[str, Damage]] = {
    "no-key-picture": _rewritten(_no_key),
    "sound-alone": _rewritten(_sound_alone),
    "pictures-alone": _rewritten(lambda packets, _: _pictures(packets)),
    "one-picture": _rewritten(_one_picture),
    "leap": _rewritten(_leap),
    "leap-and-return": _rewritten(_leap_and_return),
    "negative-times": _rewritten(_negative),
    "slow-times": _rewritten(_long),
    "all-at-once": _rewritten(_at_once),
    "shuffled-times": _rewritten(_shuffled_times),
    "times-unknown": _rewritten(_times_unknown),
    "shuffled-pictures": _rewritten(_shuffled_pictures),
    "pictures-cut": _rewritten(_payloads(lambda data, random: data[: random.randint(1, len(data))])),
    "pictures-noise": _rewritten(_payloads(lambda data, random: random.randbytes(len(data)))),
    "pictures-flipped": _rewritten(
        _payloads(lambda data, random: bytes(b ^ (random.random() < 0.01) * random.randrange(256) for b in data))
    ),
    "pictures-grown": _rewritten(_payloads(lambda data, random: (data * 40)[: random.choice((20_000, 100_000))])),
}
