"""Manifest of a score model: the latent grid and the event curve that its weights were trained with. Torch-free."""

from typing import Final, Literal

from model_core.models.folder.manifest import Manifest, Section

KIND: Final = "embedded-score"


class Grid(Section):
    """Beats of a latent frame, and steps of a beat."""

    beats_per_frame: int
    steps_per_beat: int


class Curve(Section):
    """The event curve: Gaussian that an event is drawn as, Hann window it is smoothed with, pictures a second."""

    pulse_sigma_s: float
    hann_window_s: float
    frame_rate: float


class ScoreManifest(Manifest):
    """v2m.json of a score model."""

    kind: Literal["embedded-score"] = KIND
    grid: Grid
    curve: Curve
