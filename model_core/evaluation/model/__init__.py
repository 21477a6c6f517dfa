"""How well the embedded model makes music, measured on what it generates: `python -m model_core.evaluation.model`."""
