"""How fast the production model is, stage by stage, with random weights: `python -m model_core.evaluation.speed`."""
