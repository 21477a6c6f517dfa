"""Music cache of a fine-tuning: latents, music curves and text states of every track, made once.

Processes share the work without a word to each other: each calls `cache_music` with its own share; when all are
through, one calls `merge_index`; after that, all may load the TrackSet. `load_music` does all three.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import Accelerator

from model_core.encoders.registry import MusicEncoder
from model_core.errors import InputError
from model_core.media.writing import replace_when_complete
from model_core.models.stable_audio.codecs import open_codec
from model_core.models.stable_audio.conditions import PromptEncoder, TextStates
from model_core.models.stable_audio.folder import MUSIC_WEIGHTS, StableAudioParts
from model_core.training.audio.track_maker import TrackEncoders, TrackMaker
from model_core.training.audio.tracks import (
    INDEX,
    SKIPPED,
    TRACKS,
    Entry,
    MakerIds,
    Skip,
    TrackSet,
    read_entry,
    read_skip,
    track_path,
)

SUFFIXES: Final = (
    *(".wav", ".wave", ".aif", ".aiff", ".flac", ".mp3", ".m4a", ".m4b"),
    *(".aac", ".ogg", ".oga", ".opus", ".wma", ".mka", ".weba"),
)
"""In whatever case; each of a format that the media sandbox opens. Not those that are usually a video's."""


def find_music(folder: Path) -> list[Path]:
    """Every sound file below a folder, sorted; links to folders are followed, each folder is walked once.

    Hidden files and folders (their names begin with a dot) are left out.

    Raises:
        InputError: there is no such folder, a folder in it may not be read, or there is no sound file in it.
    """
    if not folder.is_dir():
        raise InputError("--data", f"{folder} is {'no folder' if folder.exists() else 'not there'}", "no_data")
    walked: set[tuple[int, int]] = set()
    found: list[Path] = []
    for name, below, files in os.walk(folder, followlinks=True, onerror=_refuse):
        status = Path(name).stat()
        if (status.st_dev, status.st_ino) in walked:
            below.clear()  # a link that leads back here
            continue
        walked.add((status.st_dev, status.st_ino))
        below[:] = sorted(one for one in below if not one.startswith("."))
        found += [Path(name, one) for one in files if _is_music(one) and Path(name, one).is_file()]
    if not found:
        kinds = " ".join(SUFFIXES)
        raise InputError("--data", f"there is no music in {folder}: no file that ends in {kinds}", "no_data")
    return sorted(found)


def _is_music(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)


def _refuse(error: OSError) -> None:
    raise InputError("--data", f"the folder {error.filename} cannot be read: {error.strerror}", "no_data") from error


LONGEST_S: Final = 3600.0
_SAY_EVERY_S: Final = 20.0
_MOST_LINES: Final = 10  # notes and skipped files that are reported one by one


def cache_music(
    music: Path,
    cache: Path,
    makers: TrackEncoders,
    *,
    shortest_s: float,
    longest_s: float = LONGEST_S,
    share: tuple[int, int] = (0, 1),
    say: Callable[[str], None] = print,
) -> None:
    """Make the tracks that the cache lacks of this process's share of the music; unchanged ones are kept.

    A file that cannot be used is passed over, for `merge_index` to tell. A kill at any moment costs one track.

    Args:
        music: the folder.
        cache: its cache, made if need be.
        makers: of latents, curves and text states.
        shortest_s, longest_s: seconds of sound that a file must and may have.
        share: (number of this process, number of all).
        say: receives the progress as a line, every 20 seconds.

    Raises:
        InputError: there is no music.
        OSError: the cache cannot be written.
    """
    rank, world = share
    files = find_music(music)[rank::world]
    (cache / TRACKS).mkdir(parents=True, exist_ok=True)
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        if len(notes) <= _MOST_LINES:
            say(text)

    maker = TrackMaker(music, cache, makers, shortest_s, longest_s, note)
    counts = {"kept": 0, "made": 0, "skipped": 0}
    started = said = time.monotonic()
    for number, path in enumerate(files, 1):
        counts[maker.bring_up_to_date(path)] += 1
        now = time.monotonic()
        if now - said >= _SAY_EVERY_S or number == len(files):
            said = now
            told = ", ".join(f"{count} {what}" for what, count in counts.items())
            say(f"music: {number} of {len(files)} files in {now - started:.0f} s ({told})")
    if len(notes) > _MOST_LINES:
        say(f"{len(notes) - _MOST_LINES} more captions or lists of captions were too long, and were cut")


def merge_index(music: Path, cache: Path, marks: MakerIds, say: Callable[[str], None] = print) -> None:
    """Write index.json of all tracks made with these marks and skipped.txt of the others; delete all other files.

    Says how many tracks there are and which files were skipped. An index without a track is for TrackSet to refuse, in
    every process.

    Raises:
        InputError: there is no music.
    """
    entries: list[Entry] = []
    skips: list[Skip] = []
    used: set[Path] = set()
    for path in find_music(music):
        name = path.relative_to(music).as_posix()
        entry, skip = read_entry(cache, name), read_skip(cache, name)
        if skip:
            skips.append(skip)
            used.add(track_path(cache, name, ".json"))
            if entry and entry.source == skip.source and entry.marks.sound == marks.sound:
                used.add(track_path(cache, name))  # dear to make, and of use again when the reason is gone
        elif entry and entry.marks == marks:
            entries.append(entry)
            used.add(track_path(cache, name))
    for stray in set((cache / TRACKS).iterdir()) - used:
        stray.unlink(missing_ok=True)
    lines = [f"{skip.source.shown}: {skip.reason}" for skip in skips]
    with replace_when_complete(cache / SKIPPED) as beside:
        beside.write_text("".join(line + "\n" for line in lines), "utf-8")
    with replace_when_complete(cache / INDEX) as beside:
        beside.write_text(json.dumps({"music": str(music), "tracks": [asdict(entry) for entry in entries]}, indent=1))
    say(f"music: {len(entries)} tracks, {sum(entry.seconds for entry in entries) / 60:.2f} minutes")
    for line in lines[:_MOST_LINES]:
        say(f"skipped {line}")
    if len(lines) > _MOST_LINES:
        say(f"skipped {len(lines) - _MOST_LINES} files more; all are listed in {cache / SKIPPED}")


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


def load_music(
    data: Path,
    cache: Path,
    model: StableAudioParts,
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
    marks = _identify_encoders(model)
    makers = TrackEncoders(open_codec(model.vae), encoder, prompts, marks)
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
    return Music(train, held_out, TextStates(empty.states.float().cpu(), empty.mask.cpu()), _identify(tracks))


def digest(of: Any) -> str:
    """Twelve digits that tell JSON values from others."""
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def _identify_encoders(model: StableAudioParts) -> MakerIds:
    """Ids of the model's codec, music encoder and text encoder, by their files and their precision."""
    digests = model.manifest.sha256
    dtype: torch.dtype = model.vae.dtype

    def made_by(*parts: str) -> str:
        return digest([str(dtype), [pair for pair in sorted(digests.items()) if pair[0].startswith(parts)]])

    sound = f"{made_by('vae/', MUSIC_WEIGHTS)} {model.manifest.encoders.music}"
    return MakerIds(sound, made_by("text_encoder/", "tokenizer/"))


def _identify(tracks: TrackSet) -> str:
    """Of names, sizes and captions: when the files were last written does not matter."""
    return digest([[track.name, track.entry.source.size, track.captions] for track in tracks])
