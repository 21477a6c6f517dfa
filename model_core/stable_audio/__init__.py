"""Stable Audio 3 with the event curve: made from a published checkpoint, and generating."""
