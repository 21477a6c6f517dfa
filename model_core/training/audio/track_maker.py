"""Making of one track: latents, curve and text states of a sound file, or the reason for skipping it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.encoders.registry import MusicEncoder
from model_core.errors import InputError
from model_core.media import MediaError, MediaLimits, read_audio, read_tags
from model_core.models.stable_audio.conditions import TextStates
from model_core.training.audio.captions import Captions, sidecar_captions, tag_captions
from model_core.training.audio.tracks import (
    Entry,
    MakerIds,
    Skip,
    Source,
    read_curve,
    read_entry,
    read_latents,
    read_skip,
    track_path,
    write_skip,
    write_track,
)

T = TypeVar("T")

_SILENT: Final = 1e-4  # -80 dB: below it there is nothing but a converter's noise


class SoundCodec(Protocol):
    """Sound -> latents, as SameCodec makes them."""

    @property
    def sample_rate(self) -> int: ...

    def encode(self, audio: NDArray[np.float32], /) -> torch.Tensor:
        """Stereo sound (2, N) to latents (C, F)."""
        ...


class TextEncoder(Protocol):
    """Prompts -> states, as PromptEncoder makes them."""

    def encode(self, prompts: list[str], /) -> TextStates: ...


@dataclass(frozen=True)
class TrackEncoders:
    """Codec and encoders that make a track of a sound file, and the ids that distinguish their results from others'."""

    codec: SoundCodec
    curves: MusicEncoder
    text: TextEncoder
    marks: MakerIds


class TrackMaker:
    """Keeps the cache's file of each sound file up to date."""

    def __init__(
        self,
        music: Path,
        cache: Path,
        makers: TrackEncoders,
        shortest_s: float,
        longest_s: float,
        note: Callable[[str], None],
    ) -> None:
        """``note`` receives a line on omissions from the captions of a track; the rest as in cache.cache_music."""
        self._music, self._cache, self._makers, self._note = music, cache, makers, note
        self._shortest_s = shortest_s
        self._limits = MediaLimits(max_duration_s=longest_s)
        self._settings = f"{shortest_s:g} to {longest_s:g} s, {makers.marks.sound}"

    def bring_up_to_date(self, path: Path) -> Literal["kept", "made", "skipped"]:
        """Update the cached track of a sound file.

        A track that is outdated only because of its captions or the text encoder is updated without decoding the sound.
        """
        try:
            source = Source.of(path, self._music)
        except OSError:
            return "skipped"  # deleted since the folder was listed
        entry, skip = read_entry(self._cache, source.name), read_skip(self._cache, source.name)
        if skip and skip.lasting and (skip.source, skip.settings) == (source, self._settings):
            return "skipped"
        try:
            done = self._update(path, source, entry if entry and entry.source == source else None)
        except _UnusableError as error:
            write_skip(self._cache, Skip(source, error.reason, self._settings, error.lasting))
            return "skipped"
        track_path(self._cache, source.name, ".json").unlink(missing_ok=True)
        return done

    def _update(self, path: Path, source: Source, known: Entry | None) -> Literal["kept", "made"]:
        captions, marks = self._captions(path, known), self._makers.marks
        if known and known.marks.sound == marks.sound:
            self._check_length(known.seconds)
            entry = replace(known, marks=marks, captions=captions.texts, captions_from=captions.source)
            if entry == known:
                return "kept"
            at = track_path(self._cache, source.name)
            latents, curve = read_latents(at), read_curve(at, known)
        else:
            audio, rate = self._read_sound(path), self._makers.codec.sample_rate
            latents, curve = self._makers.codec.encode(audio), self._makers.curves.curve(audio, rate)
            if not (torch.isfinite(latents.half()).all() and np.isfinite(curve.values).all()):
                raise _UnusableError("makes latents or a curve that are not finite numbers")
            seconds = audio.shape[1] / rate
            entry = Entry(source, marks, seconds, captions.texts, captions.source, curve.encoder, curve.window)
        texts = [self._makers.text.encode([caption]) for caption in captions.texts]
        if not all(torch.isfinite(text.states[text.mask].half()).all() for text in texts):
            # Another text encoder may do better, and lasting reasons ask for the sound's makers alone.
            raise _UnusableError("has a caption whose text states are not finite numbers", lasting=False)
        write_track(self._cache, entry, latents, curve, texts)
        for note in captions.notes:
            self._note(f"{source.shown}: {note}")
        return "made"

    def _captions(self, path: Path, known: Entry | None) -> Captions:
        try:
            beside = sidecar_captions(path)
        except InputError as error:
            raise _UnusableError(f"its caption file {error.field} {error.detail}", lasting=False) from error
        if beside is not None:
            return beside
        if known and known.captions_from != "sidecar":
            return Captions(known.captions, known.captions_from)  # the file has not changed, so neither have its tags
        return tag_captions(_open(read_tags, path))

    def _read_sound(self, path: Path) -> NDArray[np.float32]:
        rate = self._makers.codec.sample_rate
        audio = _open(lambda at: read_audio(at, rate, self._limits), path)
        self._check_length(audio.shape[1] / rate)
        if not np.isfinite(audio).all():
            raise _UnusableError("holds samples that are not finite numbers")
        if np.abs(audio).max() < _SILENT:
            raise _UnusableError("is silent")
        return audio

    def _check_length(self, seconds: float) -> None:
        if seconds < self._shortest_s:
            raise _UnusableError(f"is {seconds:.2f} s long; at least {self._shortest_s:g} s are needed")


class _UnusableError(Exception):
    """Reason for skipping a sound file; ``lasting`` where the next try would end in the same way."""

    def __init__(self, reason: str, lasting: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.lasting = reason, lasting


def _open(read: Callable[[Path], T], path: Path) -> T:
    try:
        return read(path)
    except MediaError as error:
        reason = "is no sound file of a kind that can be read" if error.code == "not_a_video" else error.detail
        raise _UnusableError(reason, lasting=error.code != "budget") from error
    except OSError as error:
        raise _UnusableError(f"cannot be read: {error.strerror}", lasting=False) from error
