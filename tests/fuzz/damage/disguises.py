"""Files that only pretend to be a video, or that name other files: each from nothing."""

import gzip
import io
import struct
import tarfile
import wave
import zipfile
import zlib
from random import Random
from typing import Any, Final

import av
import numpy as np

from tests.fuzz.canary import CANARY
from tests.fuzz.damage.kinds import Maker
from tests.fuzz.seeds import clip_pictures

_TARGETS: Final = (
    str(CANARY),
    f"file://{CANARY}",
    f"file:{CANARY}",
    "http://127.0.0.1:9/a.ts",
    "/etc/passwd",
    "/proc/self/environ",
    f"subfile,,start,0,end,100000,,:{CANARY}",
    f"crypto:{CANARY}",
    f"concat:{CANARY}|{CANARY}",
    f"data:video/mp4;base64,AAAA{CANARY}",
)
_TEXTS: Final = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{0}\n#EXT-X-ENDLIST\n",
    "hls-master": '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{0}\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",URI="{0}"\n',
    "hls-map": '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MAP:URI="{0}"\n#EXT-X-KEY:METHOD=AES-128,URI="{0}"\n{0}\n',
    "ffconcat": "ffconcat version 1.0\nfile '{0}'\nduration 1\n",
    "ffconcat-option": "ffconcat version 1.0\nfile '{0}'\noption protocol_whitelist file,http,tcp\n",
    "concat": "concat:{0}|{0}",
    "subfile": "subfile,,start,0,end,0,,:{0}",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    '<Representation id="1" bandwidth="1"><BaseURL>{0}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "smil": '<smil><body><video src="{0}"/></body></smil>',
    "asx": '<asx version="3.0"><entry><ref href="{0}"/></entry></asx>',
    "pls": "[playlist]\nFile1={0}\nNumberOfEntries=1\n",
    "reference": "[Reference]\nRef1={0}\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "xspf": '<?xml version="1.0"?><playlist version="1"><trackList><track><location>{0}</location></track></trackList>'
    "</playlist>",
    "entity": '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "{0}">]><a>&b;</a>',
    "imf": '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016"><Id>{0}</Id>'
    "</CompositionPlaylist>",
    "cue": 'FILE "{0}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
    "rtsp": "RTSPtextRTSP://127.0.0.1/{0}",
    "metadata": ";FFMETADATA1\ntitle={0}\n",
    "subrip": "1\n00:00:00,000 --> 00:00:02,000\n{0}\n",
    "ass": "[Script Info]\nScriptType: v4.00+\n[Events]\nDialogue: 0,0:00:00.00,0:00:02.00,Default,,0,0,0,,{0}\n",
    "webvtt": "WEBVTT\n\n00:00.000 --> 00:02.000\n{0}\n",
    "vobsub": "# VobSub index file, v7\nid: en, index: 0\ntimestamp: 00:00:00:000, filepos: 000000000\n# {0}\n",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{0}" width="10" height="10"/></svg>',
    "html": '<!DOCTYPE html><html><body><video src="{0}"></video></body></html>',
    "json": '{{"video": "{0}"}}',
    "pattern": "{0}%03d.png\n",
    "filter": "movie={0} [out0]",
    "avisynth": 'AVISource("{0}")\n',
}
_BEFORE: Final = ("", "", "\ufeff", "\n\n \t", "\x00", "ID3\x04\x00\x00\x00\x00\x00\x00", "\n" * 5000)


def _text(words: str) -> Maker:
    def make(random: Random) -> bytes:
        return (random.choice(_BEFORE) + words.format(random.choice(_TARGETS))).encode()

    return make


def _picture(codec: str, muxer: str, pixels: str = "rgb24", count: int = 1) -> Maker:
    def make(random: Random) -> bytes:
        out = io.BytesIO()
        with av.open(out, "w", format=muxer) as container:
            stream: Any = container.add_stream(codec, rate=10)
            stream.width, stream.height, stream.pix_fmt = 176, 144, pixels
            for picture in clip_pictures()[:count]:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=pixels)))
            container.mux(stream.encode(None))
        return out.getvalue()

    return make


def _wave(random: Random) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(random.randbytes(8000))
    return out.getvalue()


def _sound(codec: str, muxer: str, rate: int = 48000) -> Maker:
    def make(_random: Random) -> bytes:
        out = io.BytesIO()
        with av.open(out, "w", format=muxer) as container:
            stream: Any = container.add_stream(codec, rate=rate, layout="stereo")
            sampler = av.AudioResampler(stream.format, stream.layout, rate, frame_size=stream.frame_size or None)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), format="s16", layout="mono")
            frame.sample_rate = rate
            for part in (*sampler.resample(frame), *sampler.resample(None)):
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
        return out.getvalue()

    return make


def _zip(random: Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.mp4", random.choice((b"x" * 100, bytes(30 << 20))))
    return out.getvalue()


def _tar(random: Random) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../evil.mp4"), io.BytesIO())
    return out.getvalue()


def _huge_png(random: Random) -> bytes:
    """A picture of 60000 x 60000 that says so in a few bytes."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1 << 20))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _lone_box(kind: bytes) -> Maker:
    return lambda random: struct.pack(">I", random.choice((0, 1, 8, 16, 0xFFFFFFFF))) + kind + random.randbytes(8)


_MAGIC: Final = (
    bytes.fromhex("1a45dfa3"),
    b"RIFF\xff\xff\xff\xffAVI ",
    b"FLV\x01\x05\0\0\0\x09",
    bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
    b"OggS\0\x02",
    bytes.fromhex("000001ba"),
    bytes.fromhex("060e2b34020501010d01020101020400"),
    b"G" + bytes(187),
    b"\0\0\0\x18ftypisom",
)

MAKERS: Final[dict[str, Maker]] = {
    **{name: _text(words) for name, words in _TEXTS.items()},
    "png": _picture("png", "image2pipe"),
    "jpeg": _picture("mjpeg", "image2pipe", "yuvj420p"),
    "gif": _picture("gif", "gif", "rgb8", 5),
    "webp": _picture("libwebp", "webp", "yuv420p"),
    "bmp": _picture("bmp", "image2pipe", "bgr24"),
    "tiff": _picture("tiff", "image2pipe"),
    "huge-png": _huge_png,
    "bare-h264": _picture("libx264", "h264", "yuv420p", 10),
    "bare-mpeg4": _picture("mpeg4", "m4v", "yuv420p", 10),
    "ivf": _picture("libvpx", "ivf", "yuv420p", 10),
    "nut": _picture("ffv1", "nut", "yuv420p", 5),
    "y4m": _picture("rawvideo", "yuv4mpegpipe", "yuv420p", 2),
    "wav": _wave,
    "mp3": _sound("libmp3lame", "mp3"),
    "flac": _sound("flac", "flac"),
    "aac": _sound("aac", "adts"),
    "opus": _sound("libopus", "ogg"),
    "zip": _zip,
    "gzip": lambda random: gzip.compress(random.choice((b"video", bytes(20 << 20))), mtime=0),
    "tar": _tar,
    "pdf": lambda random: b"%PDF-1.7\n" + random.randbytes(300),
    "elf": lambda random: b"\x7fELF\x02\x01\x01" + random.randbytes(300),
    "script": lambda random: b"#!/bin/sh\ntouch /tmp/evil\n",
    "empty": lambda random: b"",
    "one-byte": lambda random: random.randbytes(1),
    "text": lambda random: b"no video at all\n" * random.randint(1, 9000),
    "only-zeros": lambda random: bytes(random.randint(1, 2 << 20)),
    "only-noise": lambda random: random.randbytes(random.randint(2, 200_000)),
    "magic-and-noise": lambda random: random.choice(_MAGIC) + random.randbytes(random.randint(1, 20_000)),
    "magic-and-zeros": lambda random: random.choice(_MAGIC) + bytes(random.randint(1, 20_000)),
    "magic-alone": lambda random: random.choice(_MAGIC),
    "lone-moov": _lone_box(b"moov"),
    "lone-mdat": _lone_box(b"mdat"),
    "lone-moof": _lone_box(b"moof"),
}
