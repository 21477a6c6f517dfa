"""Truth set: generated videos whose events are known by construction."""

from model_core.evaluation.truth.clips import truth_set
from model_core.evaluation.truth.recipe import Event, Kind, TruthClip

__all__ = ["Event", "Kind", "TruthClip", "truth_set"]
