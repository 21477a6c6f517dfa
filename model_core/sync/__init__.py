"""Measurement of sync: how well music meets the events of a video, against chance."""
