"""The music of one fine-tuning: cached by all processes together, then parted into what is learnt from and held out."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import Accelerator

from model_core.encoders.registry import MusicEncoder
from model_core.errors import InputError
from model_core.models.stable_audio.codec import SameCodec
from model_core.models.stable_audio.folder import MUSIC_WEIGHTS, AudioModel
from model_core.models.stable_audio.text import PromptEncoder, TextStates
from model_core.training.audio.cache import cache_music, merge_index
from model_core.training.audio.making import Makers
from model_core.training.audio.track_file import Marks
from model_core.training.audio.tracks import TrackSet

_HELD_OUT: Final = 1 / 25
_SMALL: Final = (4, 1 / 4)
"""Of a small folder four tracks are held out, but no more than a quarter."""
_WINDOWS: Final = 2.0
"""A track has to be longer than so many of the windows that its curve is smoothed with."""
_DIGITS: Final = 12


@dataclass(frozen=True)
class Music:
    """Tracks to learn from and held-out ones, the empty prompt's states (1, L, D), and a mark of all tracks."""

    train: TrackSet
    held_out: TrackSet
    unprompted: TextStates
    mark: str


def cached_music(
    data: Path,
    cache: Path,
    model: AudioModel,
    encoder: MusicEncoder,
    accelerator: Accelerator,
    seed: int,
    say: Callable[[str], None],
) -> Music:
    """Bring the cache of a music folder up to date, each process its share, and load it.

    Raises:
        InputError: there is no music, or but one track that can be used.
    """
    prompts = PromptEncoder(model.tokenizer, model.text_encoder)
    marks = _marks(model)
    makers = Makers(SameCodec(model.vae), encoder, prompts, marks)
    share = accelerator.process_index, accelerator.num_processes
    cache_music(data, cache, makers, shortest_s=_WINDOWS * model.manifest.curve.hann_window_s, share=share, say=say)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        merge_index(data, cache, marks, say)
    accelerator.wait_for_everyone()
    tracks = TrackSet.load(cache)
    if len(tracks) < 2:
        detail = f"{data} holds one track that can be used; at least two are needed, to learn from and to be held out"
        raise InputError("--data", detail, "no_data")
    most, share_of_small = _SMALL
    train, held_out = tracks.split(max(_HELD_OUT, min(share_of_small, most / len(tracks))), seed)
    empty = prompts.encode([""])
    return Music(train, held_out, TextStates(empty.states.float().cpu(), empty.mask.cpu()), _mark(tracks))


def digest(of: Any) -> str:
    """Twelve digits that tell JSON values from others."""
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def _marks(model: AudioModel) -> Marks:
    """Marks of the model's codec, music encoder and text encoder, as they are in its folder and in their precision."""
    digests = model.manifest.sha256
    dtype: torch.dtype = model.vae.dtype

    def made_by(*parts: str) -> str:
        return digest([str(dtype), [pair for pair in sorted(digests.items()) if pair[0].startswith(parts)]])

    sound = f"{made_by('vae/', MUSIC_WEIGHTS)} {model.manifest.encoders.music}"
    return Marks(sound, made_by("text_encoder/", "tokenizer/"))


def _mark(tracks: TrackSet) -> str:
    """Of names, sizes and captions: when the files were last written does not matter."""
    return digest([[track.name, track.entry.source.size, track.captions] for track in tracks])
