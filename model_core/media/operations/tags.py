"""The operation ``read_tags``: the few words inside a sound file that tell what its music is like."""

from typing import Final

from model_core.media.demux.source import opened, pick_audio
from model_core.media.sandbox.child.channel import Channel
from model_core.media.sandbox.child.files import Source
from model_core.media.types import MediaError, MediaLimits

# Under which names files carry them: FFmpeg's own, and those of ID3 and MP4 that it hands on as they are.
_NAMES: Final = {
    "description": ("description", "tdes"),
    "comment": ("comment",),
    "genre": ("genre",),
    "mood": ("mood", "tmoo"),
    "bpm": ("bpm", "tbpm", "tmpo"),
    "key": ("key", "tkey", "initialkey", "initial_key"),
}
_LONGEST: Final = {"description": 1200, "comment": 1200, "genre": 200, "mood": 200, "bpm": 20, "key": 20}
"""Characters that are handed on; all together stay below a message's limit, however JSON has to write them."""


def read_tags(channel: Channel, limits: MediaLimits, source: Source) -> None:
    """Send one message with ``tags``, of which only those are there that the file has and that are not blank."""
    with opened(source, limits) as container:
        stream = pick_audio(container)
        if stream is None:
            raise MediaError("The file has no audio stream.", "no_audio_stream")
        # Ogg keeps its tags in the stream; where both have one, the file's comes first.
        found = {name.lower(): text for name, text in (*stream.metadata.items(), *container.metadata.items())}
    tags: dict[str, str] = {}
    for tag, names in _NAMES.items():
        text = next((text for name in names if (text := _clean(found.get(name, "")))), "")
        if text:
            tags[tag] = text[: _LONGEST[tag]]
    channel.send({"kind": "tags", "tags": tags})


def _clean(text: str) -> str:
    """The text on one line, without what is no character: tags of an unknown encoding are full of it."""
    printable = "".join(one if one.isprintable() else " " for one in text.replace("\ufffd", ""))
    return " ".join(printable.split())
