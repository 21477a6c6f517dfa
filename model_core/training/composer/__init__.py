"""The rule composer of the training corpus. The product cannot import it."""

from model_core.training.composer.events import Event
from model_core.training.composer.form import Section
from model_core.training.composer.piece import MIN_BEATS, Piece, compose

__all__ = ["MIN_BEATS", "Event", "Piece", "Section", "compose"]
