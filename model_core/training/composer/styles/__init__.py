"""The styles, in three groups: music for the screen, electronic music, and music of bands."""

from typing import Final

from model_core.training.composer.styles.bands import BANDS
from model_core.training.composer.styles.electronic import ELECTRONIC
from model_core.training.composer.styles.screen import SCREEN
from model_core.training.composer.styles.style import Groove, Grooves, Style

STYLE_TABLE: Final[dict[str, Style]] = SCREEN | ELECTRONIC | BANDS

__all__ = ["STYLE_TABLE", "Groove", "Grooves", "Style"]
