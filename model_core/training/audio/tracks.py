"""The tracks of a music cache, as training reads them: nothing is in memory before it is asked for."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, overload

import torch

from model_core.curves.event_curve import EventCurve
from model_core.errors import InputError
from model_core.models.stable_audio.text import TextStates
from model_core.training.audio.track_file import Entry, path_of, read_curve, read_latents, read_text

INDEX: Final = "index.json"
SKIPPED: Final = "skipped.txt"


@dataclass(frozen=True)
class Track:
    """One piece of music; each of what follows is read from its file whenever it is asked for.

    An error of reading (OSError, SafetensorError, KeyError) means that the cache was changed under the training.
    """

    cache: Path
    entry: Entry

    @property
    def name(self) -> str:
        """Its path in the music folder."""
        return self.entry.source.shown

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return self.entry.seconds

    @property
    def captions(self) -> tuple[str, ...]:
        """At least one; an empty caption is an empty prompt."""
        return self.entry.captions

    @property
    def latents(self) -> torch.Tensor:
        """(C, F), float32 on the CPU."""
        return read_latents(self._path)

    @property
    def curve(self) -> EventCurve:
        """The music curve of the whole track."""
        return read_curve(self._path, self.entry)

    def text(self, number: int) -> TextStates:
        """States of one of the captions, (1, L, D), float32 on the CPU; 0 where the mask, (1, L), tells of no word."""
        return read_text(self._path, range(len(self.captions))[number])

    @property
    def _path(self) -> Path:
        return path_of(self.cache, self.entry.source.name)


def place_of(track: Track, seed: int) -> bytes:
    """Sorts tracks into a random order, which depends on seed and names alone."""
    return hashlib.sha256(f"{seed} {track.name}".encode()).digest()


class TrackSet(Sequence[Track]):
    """Tracks in the order of their names."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._tracks = tuple(tracks)

    @classmethod
    def load(cls, cache: Path) -> Self:
        """The tracks of a cache's index.

        Raises:
            InputError: there is no index, it cannot be read, or no track is in it.
        """
        path = cache / INDEX
        try:
            given: dict[str, Any] = json.loads(path.read_text())
            entries = [Entry.from_dict(one) for one in given["tracks"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            detail = f"the music cache {path} cannot be read ({error}); delete {cache} and start again"
            raise InputError("--data", detail, "damaged") from error
        if not entries:
            detail = f"no file in {given['music']} can be learned from; the reasons are in {cache / SKIPPED}"
            raise InputError("--data", detail, "no_data")
        return cls([Track(cache, entry) for entry in entries])

    def __len__(self) -> int:
        return len(self._tracks)

    @overload
    def __getitem__(self, index: int) -> Track: ...
    @overload
    def __getitem__(self, index: slice) -> "TrackSet": ...
    def __getitem__(self, index: int | slice) -> "Track | TrackSet":
        return TrackSet(self._tracks[index]) if isinstance(index, slice) else self._tracks[index]

    @property
    def seconds(self) -> float:
        """How long they sound, all together."""
        return sum(track.seconds for track in self)

    def split(self, held_out_share: float, seed: int) -> tuple["TrackSet", "TrackSet"]:
        """(to train on, held out), by track: at least one is held out where there are two, and at least one is not.

        Which ones depends on seed and names alone, so that most stay where they are when the folder grows.

        Raises:
            ValueError: the share is not between 0 and 1.
        """
        if not 0 < held_out_share < 1:
            raise ValueError(f"held_out_share is {held_out_share}; it must be between 0 and 1")
        drawn = sorted(self, key=lambda track: place_of(track, seed))
        count = min(max(1, round(held_out_share * len(self))), len(self) - 1)
        held_out = {track.name for track in drawn[:count]}
        return (
            TrackSet([track for track in self if track.name not in held_out]),
            TrackSet([track for track in self if track.name in held_out]),
        )
