"""The event curve as an audio model takes it: smooth, on the model's latent frames (arXiv 2603.11042, section 3).

Curves of pictures and of music are made by other encoders at other rates. Resampled, smoothed with one wide window and
standardised over the same stretch, the one can stand in for the other.
"""

from typing import Final

import numpy as np

from model_core.curves.event_curve import EventCurve, FloatArray, smoothed

FLAT: Final = 0.05
"""Least standard deviation that a smoothed curve is divided by: one in which nothing happens stays flat."""


def frame_curve(curve: EventCurve, times: FloatArray, window_s: float) -> FloatArray:
    """Smooth event curve, shape (F,), unitless, about mean 0 and standard deviation 1 over ``times``.

    Args:
        curve: of pictures or of music.
        times: of the latent frames, seconds, shape (F,), evenly spaced.
        window_s: width of the Hann window, a property of the model; in seconds, since in points it would change its
            meaning with the latent rate. Ends are replicated.
    """
    if len(times) < 2:
        return np.zeros(len(times))
    spacing = float(times[1] - times[0])
    values = smoothed(curve.at(times), window_s / spacing)
    return np.asarray((values - values.mean()) / max(float(values.std()), FLAT))
