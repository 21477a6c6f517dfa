"""Tracks of a music cache: one file for each sound file, and the set that training reads them from.

A track's file holds everything that is made of a sound file, or the reason for skipping it. It appears whole or not at
all and names its source, so that a run that was killed, and processes that share the work, leave nothing to repair.
Tensors are read only when training needs them.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self, overload

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from model_core.curves.event_curve import EventCurve
from model_core.errors import InputError
from model_core.media.writing import replace_when_complete
from model_core.models.stable_audio.conditions import TextStates

TRACKS: Final = "tracks"


@dataclass(frozen=True)
class Source:
    """A sound file as it was when it was read; ``name`` is relative to the music folder."""

    name: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path, music: Path) -> Self:
        """OSError when it is gone."""
        status = path.stat()
        return cls(path.relative_to(music).as_posix(), status.st_size, status.st_mtime_ns)

    @property
    def shown(self) -> str:
        """The name, in characters that can be printed and written."""
        return self.name.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True)
class MakerIds:
    """Ids of the encoders that made a track: ``sound`` of its latents and curve, ``text`` of its text states.

    Encoders with other results have other ids.
    """

    sound: str
    text: str


@dataclass(frozen=True)
class Entry:
    """Description of a cached track, readable without opening its tensors.

    Attributes:
        source: the sound file.
        marks: ids of the encoders that made it.
        seconds: its duration.
        captions: its captions, at least one.
        captions_from: see captions.Captions.source.
        encoder, window: of the music curve, see EventCurve.
    """

    source: Source
    marks: MakerIds
    seconds: float
    captions: tuple[str, ...]
    captions_from: str
    encoder: str
    window: float

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """The inverse of dataclasses.asdict; KeyError or TypeError when it is something else."""
        own = {"source": Source(**given["source"]), "marks": MakerIds(**given["marks"])}
        return cls(**{**given, **own, "captions": tuple(given["captions"])})


@dataclass(frozen=True)
class Skip:
    """Reason for not using a sound file; ``lasting`` for as long as neither the file nor ``settings`` change."""

    source: Source
    reason: str
    settings: str
    lasting: bool


def track_path(cache: Path, name: str, suffix: str = ".safetensors") -> Path:
    """Path of a sound file's track, or with the suffix ``.json`` of its skip."""
    return cache / TRACKS / (hashlib.sha256(os.fsencode(name)).hexdigest()[:32] + suffix)


def write_track(
    cache: Path, entry: Entry, latents: torch.Tensor, curve: EventCurve, texts: Sequence[TextStates]
) -> None:
    """Write a track in place of an older one.

    Args:
        cache: the cache's folder.
        entry: its description.
        latents: (C, F), kept as float16.
        curve: of the whole track.
        texts: (1, L, D) of each caption; only the states of words are kept, as float16.
    """
    tensors = {
        "latents": latents.half().contiguous(),
        "curve.times": torch.from_numpy(curve.times.copy()).double(),
        "curve.values": torch.from_numpy(curve.values.copy()).float(),
    }
    if curve.sizes is not None:
        tensors["curve.sizes"] = torch.from_numpy(curve.sizes.copy()).float()
    for number, text in enumerate(texts):
        mask = text.mask[0].cpu()
        tensors[f"text.{number}.mask"] = mask
        tensors[f"text.{number}.states"] = text.states[0].cpu()[mask].half().contiguous()
    with replace_when_complete(track_path(cache, entry.source.name)) as beside:
        save_file(tensors, beside, metadata={"entry": json.dumps(asdict(entry))})


def read_entry(cache: Path, name: str) -> Entry | None:
    """Read the entry of a sound file's track; None where there is none, or it cannot be read."""
    try:
        with safe_open(track_path(cache, name), framework="pt") as file:
            entry = Entry.from_dict(json.loads(file.metadata()["entry"]))
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None
    return entry if entry.source.name == name else None


def read_latents(path: Path) -> torch.Tensor:
    """Read the latents, (C, F), float32; OSError, SafetensorError or KeyError, here and below, for a damaged file."""
    with safe_open(path, framework="pt") as file:
        kept: torch.Tensor = file.get_tensor("latents")
    return kept.float()


def read_curve(path: Path, entry: Entry) -> EventCurve:
    """Read the curve of the whole track."""
    with safe_open(path, framework="pt") as file:
        times, values = (file.get_tensor(f"curve.{name}").double().numpy() for name in ("times", "values"))
        sizes = file.get_tensor("curve.sizes").double().numpy() if "curve.sizes" in file.keys() else None  # noqa: SIM118
    return EventCurve(times, values, entry.encoder, entry.window, sizes)


def read_text(path: Path, number: int) -> TextStates:
    """Read the states of a caption, (1, L, D), float32, 0 where there is no word, and their mask, (1, L)."""
    with safe_open(path, framework="pt") as file:
        words = file.get_tensor(f"text.{number}.states")
        mask = file.get_tensor(f"text.{number}.mask")
    states = torch.zeros(len(mask), words.shape[1])
    states[mask] = words.float()
    return TextStates(states[None], mask[None].clone())


def write_skip(cache: Path, skip: Skip) -> None:
    """Write the skip of a sound file. A track of it may stay, for the day that the reason is gone."""
    with replace_when_complete(track_path(cache, skip.source.name, ".json")) as beside:
        beside.write_text(json.dumps(asdict(skip)))


def read_skip(cache: Path, name: str) -> Skip | None:
    """Read the skip of a sound file; None where it was not skipped, or the skip cannot be read."""
    try:
        given: dict[str, Any] = json.loads(track_path(cache, name, ".json").read_text())
        skip = Skip(**{**given, "source": Source(**given["source"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return skip if skip.source.name == name else None


INDEX: Final = "index.json"
SKIPPED: Final = "skipped.txt"


@dataclass(frozen=True)
class Track:
    """One piece of music; its tensors are read from its file at each access.

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
        """Duration in seconds."""
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
        """States of one of the captions, (1, L, D), float32 on the CPU; 0 where the mask, (1, L), is False."""
        return read_text(self._path, range(len(self.captions))[number])

    @property
    def _path(self) -> Path:
        return track_path(self.cache, self.entry.source.name)


def sort_key(track: Track, seed: int) -> bytes:
    """Sort key that puts tracks into a random order, which depends on seed and names alone."""
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
        """Total duration in seconds."""
        return sum(track.seconds for track in self)

    def split(self, held_out_share: float, seed: int) -> tuple["TrackSet", "TrackSet"]:
        """Split into (training, held out): at least one track is for training, and of two or more one is held out.

        Which ones depends on seed and names alone, so that most stay where they are when the folder grows.

        Raises:
            ValueError: the share is not between 0 and 1.
        """
        if not 0 < held_out_share < 1:
            raise ValueError(f"held_out_share is {held_out_share}; it must be between 0 and 1")
        drawn = sorted(self, key=lambda track: sort_key(track, seed))
        count = min(max(1, round(held_out_share * len(self))), len(self) - 1)
        held_out = {track.name for track in drawn[:count]}
        return (
            TrackSet([track for track in self if track.name not in held_out]),
            TrackSet([track for track in self if track.name in held_out]),
        )
