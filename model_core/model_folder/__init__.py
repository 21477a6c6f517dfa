"""Model folders: what is on disk, its manifest v2m.json, and the two kinds of model that come out of it."""
