"""Checks of the answers of a sandbox process, which an attacker may control: invalid answers are refused."""

import math
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from model_core.media.sandbox.messages import Header, protocol_error
from model_core.media.types import MediaError, MediaLimits, VideoInfo

BATCH: Final = 64
_LONGEST_NAME: Final = 100
_TAGS: Final = ("description", "comment", "genre", "mood", "bpm", "key")
_LONGEST_TAG: Final = 1200
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

P = ParamSpec("P")
T = TypeVar("T")


def _reject_malformed(read: Callable[P, T]) -> Callable[P, T]:
    """Decorator that turns errors in reading an answer into protocol errors."""

    @wraps(read)
    def checked(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return read(*arguments, **named)
        except MediaError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise protocol_error(error) from error

    return checked


@_reject_malformed
def video_info(header: Header, limits: MediaLimits) -> VideoInfo:
    """Read the answer to ``probe``."""
    most = 32 * limits.max_pixels
    return VideoInfo(
        duration=_number(header["duration"], limits.max_duration_s),
        width=_whole(header["width"], most),
        height=_whole(header["height"], most),
        rotation=(0, 90, 180, 270)[(0, 90, 180, 270).index(_whole(header["rotation"], 270, least=0))],
        fps=_number(header["fps"], math.inf),
        variable_frame_rate=header["variable_frame_rate"] is True,
        video_codec=_name(header["video_codec"]),
        audio_codec=None if header["audio_codec"] is None else _name(header["audio_codec"]),
        container=_name(header["container"]),
        frames=_whole(header["frames"], limits.max_frames),
    )


@_reject_malformed
def pictures(header: Header, payload: bytes, size: int, most: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Read a batch of ``frames``: 1 to 64 pictures, at most ``most``, (N, size, size, 3), and times of change, (N,)."""
    rgb = np.frombuffer(payload, dtype=np.uint8).reshape(-1, size, size, 3)
    times: Any = header["changed"]
    changed = np.array(times, dtype=np.float64)
    if not 1 <= len(rgb) <= min(BATCH, most) or changed.shape != (len(rgb),) or not np.isfinite(changed).all():
        raise ValueError(f"a batch of {len(rgb)} pictures and {changed.shape} times; the limit is {most}")
    return rgb, changed


@_reject_malformed
def sound(header: Header, payload: bytes, most: int) -> NDArray[np.float32]:
    """Read a block of ``read_audio``: 1 to ``most`` samples, shape (2, N)."""
    samples = np.frombuffer(payload, dtype=np.float32).reshape(2, -1)
    if header["kind"] != "sound" or not 1 <= samples.shape[1] <= most:
        raise ValueError(f"a {header['kind']} of {samples.shape[1]} samples; 1 to {most} are expected")
    return samples


@_reject_malformed
def tags(header: Header) -> dict[str, str]:
    """Read the answer to ``read_tags``."""
    given: Any = header["tags"]
    return {_TAGS[_TAGS.index(name)]: _text(text, _LONGEST_TAG) for name, text in given.items()}


@_reject_malformed
def digest(header: Header) -> str:
    """Read the answer to ``digest``."""
    sha256 = _text(header["sha256"], 64)
    if not _SHA256.fullmatch(sha256):
        raise ValueError("not a sha256")
    return sha256


def _number(value: object, most: float) -> float:
    if not isinstance(value, int | float) or not 0 < value <= most or not math.isfinite(value):
        raise ValueError(f"the number {value!r:.100}")
    return float(value)


def _whole(value: object, most: int, least: int = 1) -> int:
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"the number {value!r:.100}")
    return value


def _name(value: object) -> str:
    return _text(value, _LONGEST_NAME)


def _text(value: object, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise ValueError(f"the text {value!r:.100}")
    return value
