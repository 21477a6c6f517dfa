"""Long music in chunks that overlap by as much as the network sees, so that the joined whole is as if made at once.

A layer of SAME lets a token see ``sliding_window`` segments to either side. A segment is one frame of what goes into a
level of the decoder or comes out of one of the encoder: a latent at the last level, a part of one at those before it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

_MARGINS: Final = 10
_MULTIPLE: Final = 8  # as many tokens are a multiple of eight, as the attention's kernels like it


@dataclass(frozen=True)
class Chunk:
    """One pass over the latent frames first .. last - 1, of which kept_first .. kept_last - 1 are right."""

    first: int
    last: int
    kept_first: int
    kept_last: int


def margin_of(strides: Sequence[int], depths: Sequence[int], sliding_window: int) -> int:
    """How many latent frames to either side a frame sees, through all layers; the same in encoder and decoder.

    ``strides`` and ``depths`` (layers) are the encoder's, level by level. Positions do not widen it: they are relative.
    """
    reach = Fraction(0)
    for level, depth in enumerate(depths):
        reach += Fraction(depth * sliding_window, math.prod(strides[level + 1 :]))
    return math.ceil(reach)


def window_of(margin: int) -> int:
    """Latent frames of a chunk, margins included."""
    # 17 tokens a latent: SAME-L (margin 12, width 1536) is cheapest at 117 frames, SAME-S (6, 768) at 59, each at 1.7
    # times the linear layers' least; in shorter chunks margins weigh more, in longer ones the band's square mask does.
    return max(1, -(-_MARGINS * margin // _MULTIPLE)) * _MULTIPLE


def chunks_of(frames: int, window: int, margin: int) -> list[Chunk]:
    """Chunks whose kept parts cover ``frames`` frames one after the other; equally long when there are several.

    Raises:
        ValueError: a chunk would be nothing but margins.
    """
    if window <= 2 * margin:
        raise ValueError(f"chunks of {window} frames are nothing but their margins of {margin}")
    if frames <= window:
        return [Chunk(0, frames, 0, frames)]
    made = [Chunk(0, window, 0, window - margin)]
    while (there := made[-1].kept_last) < frames:
        first = min(there - margin, frames - window)
        last = first + window
        made.append(Chunk(first, last, there, frames if last == frames else last - margin))
    return made
