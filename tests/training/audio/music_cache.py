"""A small music folder, its cache, and what one looks at in it."""

from pathlib import Path

from model_core.training.audio.cache import cache_music, merge_index
from model_core.training.audio.track_maker import TrackEncoders
from model_core.training.audio.tracks import TrackSet
from tests.media.sound_files import tone, write_sound


def write_music(folder: Path) -> Path:
    """Three tracks: one with two captions beside it, one with tags, one with neither."""
    (folder / "b").mkdir(parents=True)
    write_sound(folder / "a.wav", tone(0.5))
    (folder / "a.txt").write_text("calm piano\nslow\n")
    write_sound(folder / "b" / "c.flac", tone(0.75, amplitude=0.2), tags={"genre": "Jazz"})
    write_sound(folder / "d.wav", tone(1.0))
    return folder


def cached(music: Path, makers: TrackEncoders, shortest_s: float = 0.25, longest_s: float = 10.0) -> list[str]:
    """The cache beside the music, brought up to date; what was said."""
    said: list[str] = []
    cache = music.parent / "cache"
    cache_music(music, cache, makers, shortest_s=shortest_s, longest_s=longest_s, say=said.append)
    merge_index(music, cache, makers.marks, said.append)
    return said


def tracks_of(music: Path) -> TrackSet:
    """All that may be learned from."""
    return TrackSet.load(music.parent / "cache")


def skipped_in(music: Path) -> list[str]:
    """The lines of skipped.txt."""
    return (music.parent / "cache" / "skipped.txt").read_text().splitlines()
