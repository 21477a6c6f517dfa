"""The SAME codec of Stable Audio 3: latents at a constant frame rate <-> stereo sound."""
