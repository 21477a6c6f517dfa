"""The score codec: latents of two beats a frame <-> notes <-> sound."""
