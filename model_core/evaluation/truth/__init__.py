"""The truth set: generated videos whose events are known by construction."""

from model_core.evaluation.truth.events import Event, Kind, TruthClip
from model_core.evaluation.truth.make import truth_set

__all__ = ["Event", "Kind", "TruthClip", "truth_set"]
