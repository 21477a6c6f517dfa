"""Fine-tuning of audio models on a folder of music: its tracks, their captions, and the cache of their latents."""
