"""Evaluation of the method and of the embedded model; development only."""
