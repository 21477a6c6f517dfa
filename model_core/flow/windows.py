"""Music longer than the model makes at once: windows that go on from what is there, by inpainting.

Stable Audio 3 lets its music end where it was told that it ends. So of a window that is gone on from, the end is thrown
away; the next one is given what stands before it and draws it anew.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """One pass of the model over the frames first .. last - 1.

    Attributes:
        first, last: of the whole, in latent frames.
        known: how many frames from ``first`` on are there already, and are given.
        kept: up to where, counted in the whole, the result stays.
    """

    first: int
    last: int
    known: int
    kept: int


def windows_of(frames: int, longest: int, context: int, ending: int) -> list[Window]:
    """Windows that make ``frames`` frames, all equally long, so that shapes stay the same.

    Args:
        frames: of the whole.
        longest: of one window.
        context: frames at least that a window is given of those before it.
        ending: frames that are thrown away at the end of a window that is gone on from.

    Raises:
        ValueError: a window would not get on.
    """
    if context + ending >= longest:
        raise ValueError(f"windows of {longest} frames do not get on with {context} of context and {ending} of ending")
    if frames <= longest:
        return [Window(0, frames, 0, frames)]
    made = [Window(0, longest, 0, longest - ending)]
    while made[-1].kept < frames:
        there = made[-1].kept
        first = min(there - context, frames - longest)
        last = first + longest
        made.append(Window(first, last, there - first, frames if last == frames else last - ending))
    return made
