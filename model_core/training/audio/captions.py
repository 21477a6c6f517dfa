"""Captions of a track: from a text beside it, or from the tags inside it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from model_core.errors import InputError
from model_core.options import PROMPT_MAX_CHARS

MOST_CAPTIONS: Final = 32
_LARGEST_FILE: Final = 1 << 20
_CAPTION_KEYS: Final = ("captions", "caption", "prompt", "description", "text")
_WORDS: Final = (("mood", "moods"), ("genre", "genres"), ("tags", "keywords"))
_INSTRUMENTS: Final = ("instruments", "instrument")
_DESCRIBING: Final = frozenset((*_CAPTION_KEYS, *(key for keys in _WORDS for key in keys), *_INSTRUMENTS, "bpm", "key"))
_FASTEST: Final = 999
_LINK: Final = re.compile(r"://|\bwww\.", re.IGNORECASE)


@dataclass(frozen=True)
class Captions:
    """The captions of one track.

    Attributes:
        texts: one or more, each at most PROMPT_MAX_CHARS long and on one line; an empty one is an empty prompt.
        source: ``sidecar``, ``tags``, or ``none`` where nothing is known.
        notes: omissions from them, one sentence each.
    """

    texts: tuple[str, ...]
    source: str
    notes: tuple[str, ...] = ()


def sidecar_captions(track: Path) -> Captions | None:
    """Captions of ``song.txt``, each line one, or else of ``song.json``; None where neither is there or describes.

    Raises:
        InputError: the file is invalid; its name is the field.
    """
    text_file, json_file = track.with_suffix(".txt"), track.with_suffix(".json")
    if text_file.is_file():
        return _captions([line for line in _read(text_file).splitlines() if line.strip()], text_file.name)
    if json_file.is_file():
        try:
            given = json.loads(_read(json_file))
        except (ValueError, RecursionError) as error:
            raise InputError(json_file.name, f"is not valid JSON: {error}") from error
        if not isinstance(given, dict):
            raise InputError(json_file.name, "is not a JSON object")
        if _DESCRIBING & given.keys():
            return _captions(_parse_object(given, json_file.name), json_file.name)
    return None


def tag_captions(tags: Mapping[str, str]) -> Captions:
    """The caption that the tags inside a file make up, see `model_core.media.read_tags`; a title is none.

    Comments with a link advertise whatever wrote the file, and are left out.
    """
    told = next((tags[name] for name in ("description", "comment") if tags.get(name)), "")
    told = "" if _LINK.search(told) else told.rstrip(" .")
    given = {name: tags[name] for name in ("genre", "mood", "key") if tags.get(name)}
    if _tempo(tags.get("bpm", "")):
        given["bpm"] = tags["bpm"]
    listed = _sentence(given, "tags")
    text = ". ".join(part for part in (told, listed) if part)
    return _captions([text], "tags") if text else Captions(("",), "none")


def _captions(texts: list[str], name: str) -> Captions:
    source, notes = ("tags" if name == "tags" else "sidecar"), []
    clean = [" ".join(text.split()) for text in texts] or [""]
    if len(clean) > MOST_CAPTIONS:
        notes.append(f"{name} has {len(clean)} captions; the first {MOST_CAPTIONS} are used")
        clean = clean[:MOST_CAPTIONS]
    if any(len(text) > PROMPT_MAX_CHARS for text in clean):
        notes.append(f"{name} has a caption longer than {PROMPT_MAX_CHARS} characters; the rest of it is cut off")
        clean = [text[:PROMPT_MAX_CHARS].rstrip() for text in clean]
    return Captions(tuple(clean), source, tuple(notes))


def _parse_object(given: dict[str, Any], name: str) -> list[str]:
    for key in _CAPTION_KEYS:
        if texts := _strings(given, key, name):
            return texts
    sentence = _sentence(given, name)
    return [sentence] if sentence else []


def _sentence(given: Mapping[str, Any], name: str) -> str:
    """Moods, genres and tags, then instruments, tempo and key: as one would write a prompt."""
    parts = [text for keys in _WORDS for key in keys for text in _strings(given, key, name)]
    instruments = [text for key in _INSTRUMENTS for text in _strings(given, key, name)]
    if instruments:
        parts.append("with " + " and ".join(filter(None, (", ".join(instruments[:-1]), instruments[-1]))))
    if given.get("bpm") not in (None, ""):
        bpm = _tempo(given["bpm"])
        if bpm is None:
            raise InputError(name, f"bpm is {str(given['bpm'])[:40]!r}; it must be a number from 0 to {_FASTEST}")
        parts += [f"{bpm:.0f} bpm"] if bpm else []
    parts += [f"in {text}" for text in _strings(given, "key", name)]
    return ", ".join(parts)


def _strings(given: Mapping[str, Any], key: str, name: str) -> list[str]:
    """The texts under a key, none of them blank: a string, or a list of strings."""
    value = given.get(key)
    if value is None:
        return []
    texts: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise InputError(name, f"{key} must be a text or a list of texts")
    return [text.strip() for text in texts if text.strip()]


def _tempo(value: Any) -> float | None:
    """Beats a minute, 0 where they are not known; None when the value is neither."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number <= _FASTEST else None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise InputError(path.name, f"cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST_FILE:
        raise InputError(path.name, f"is larger than {_LARGEST_FILE >> 20} MiB, which is the limit")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(path.name, f"is not UTF-8: {error.reason} at byte {error.start}") from error
