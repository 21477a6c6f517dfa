"""What training needs of a music folder, made once: latents, music curves and text states of every track.

Processes share the work without a word to each other: each calls `cache_music` with its own share; when all are
through, one calls `merge_index`; after that, all may load the TrackSet.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from model_core.media.writing import replacing
from model_core.training.audio.making import Makers, TrackMaker
from model_core.training.audio.music_folder import find_music
from model_core.training.audio.track_file import (
    TRACKS,
    Entry,
    Marks,
    Skip,
    path_of,
    read_entry,
    read_skip,
)
from model_core.training.audio.tracks import INDEX, SKIPPED

LONGEST_S: Final = 3600.0
_SAY_EVERY_S: Final = 20.0
_TOLD: Final = 10  # notes and skipped files that are told one by one


def cache_music(
    music: Path,
    cache: Path,
    makers: Makers,
    *,
    shortest_s: float,
    longest_s: float = LONGEST_S,
    share: tuple[int, int] = (0, 1),
    say: Callable[[str], None] = print,
) -> None:
    """Make what the cache lacks of this process's share of the music; what has not changed is left as it is.

    A file that cannot be used is passed over, for `merge_index` to tell. A kill at any moment costs one track.

    Args:
        music: the folder.
        cache: its cache, made if need be.
        makers: of latents, curves and text states.
        shortest_s, longest_s: seconds of sound that a file must and may have.
        share: (number of this process, number of all).
        say: told now and then how far it is.

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
        if len(notes) <= _TOLD:
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
    if len(notes) > _TOLD:
        say(f"{len(notes) - _TOLD} more captions or lists of captions were too long, and were cut")


def merge_index(music: Path, cache: Path, marks: Marks, say: Callable[[str], None] = print) -> None:
    """Write index.json of all tracks made with these marks and skipped.txt of the others; delete what is of neither.

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
            used.add(path_of(cache, name, ".json"))
            if entry and entry.source == skip.source and entry.marks.sound == marks.sound:
                used.add(path_of(cache, name))  # dear to make, and of use again when the reason is gone
        elif entry and entry.marks == marks:
            entries.append(entry)
            used.add(path_of(cache, name))
    for stray in set((cache / TRACKS).iterdir()) - used:
        stray.unlink(missing_ok=True)
    lines = [f"{skip.source.shown}: {skip.reason}" for skip in skips]
    with replacing(cache / SKIPPED) as beside:
        beside.write_text("".join(line + "\n" for line in lines), "utf-8")
    with replacing(cache / INDEX) as beside:
        beside.write_text(json.dumps({"music": str(music), "tracks": [asdict(entry) for entry in entries]}, indent=1))
    say(f"music: {len(entries)} tracks, {sum(entry.seconds for entry in entries) / 60:.2f} minutes")
    for line in lines[:_TOLD]:
        say(f"skipped {line}")
    if len(lines) > _TOLD:
        say(f"skipped {len(lines) - _TOLD} files more; all are listed in {cache / SKIPPED}")
