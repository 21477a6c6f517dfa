"""Settings of `v2m model init`. Torch-free, so that the command line shows its help at once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class InitSettings:
    """What a new model folder says beside its weights.

    Attributes:
        name, version, licence: for reports; the licence as an SPDX identifier.
        picture, music: names of the curve's encoders, see encoders.catalogue; by default the paper's.
        picture_from, music_from: local copies of their weights; None = the published ones.
        hann_window_s: width of the window that curves are smoothed with; 2.44 s as in arXiv 2603.11042, section 3. So
            wide a window tells of swells and sections, not of single frames.
        longest_s: longest music made at once; None = as published for the base's size.
    """

    name: str
    version: str = "0"
    licence: str = "LicenseRef-Stability-AI-Community"
    picture: str = "dinov2-large"
    music: str = "musicfm"
    picture_from: str | None = None
    music_from: str | None = None
    hann_window_s: float = 2.44
    longest_s: float | None = None
