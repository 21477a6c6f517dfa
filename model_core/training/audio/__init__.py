"""Training an audio model on a folder of music: its tracks, their captions, and the cache of what is made of them."""
