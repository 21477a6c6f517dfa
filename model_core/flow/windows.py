"""Windows for music longer than a model generates at once, of two kinds.

Overlapping windows are sampled together, their velocities averaged at every step (flow/sampler.py). Continuing windows
are sampled one after the other, each conditioned on the end of the one before by inpainting. Stable Audio 3 ends its
music at the end of a window, so the end of a window that is continued is discarded.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """One pass of the model over the frames first .. last - 1.

    Attributes:
        first, last: frames of the whole.
        known: number of frames from ``first`` on that are generated already and given as context.
        kept: end of the frames that are kept, exclusive.
    """

    first: int
    last: int
    known: int
    kept: int


def continuing_windows(frames: int, longest: int, context: int, ending: int) -> list[Window]:
    """Windows that generate ``frames`` frames, all of the same length, so that shapes stay the same.

    Args:
        frames: of the whole.
        longest: of one window.
        context: least number of earlier frames that a window is given.
        ending: frames discarded at the end of a window that is continued.

    Raises:
        ValueError: a window would add no frame.
    """
    if context + ending >= longest:
        raise ValueError(f"windows of {longest} frames add nothing with {context} of context and {ending} of ending")
    if frames <= longest:
        return [Window(0, frames, 0, frames)]
    windows = [Window(0, longest, 0, longest - ending)]
    while windows[-1].kept < frames:
        done = windows[-1].kept
        first = min(done - context, frames - longest)
        last = first + longest
        windows.append(Window(first, last, done - first, frames if last == frames else last - ending))
    return windows


def overlapping_starts(frames: int, window: int, overlap: int) -> list[int]:
    """First frames of windows that cover ``frames`` frames, neighbors sharing at least ``overlap`` frames."""
    if frames <= window:
        return [0]
    count = -(-(frames - overlap) // (window - overlap))
    return [round(i * (frames - window) / (count - 1)) for i in range(count)]
