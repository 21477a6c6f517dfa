"""Evaluation of the embedded model on the music that it generates: `python -m model_core.evaluation.model`."""
