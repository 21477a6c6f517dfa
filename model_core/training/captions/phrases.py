"""Phrase tables of the captions, read from the TOML files beside this module."""

import tomllib
from collections.abc import Iterable
from importlib.resources import files
from typing import Any, Final

Phrases = dict[str, tuple[str, ...]]
"""Phrases by what must hold of a piece for them to be true: "any", "minor", "major", "strong" or "calm"."""


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(name).read_text("utf-8"))


def _phrases(table: dict[str, Any]) -> Phrases:
    """The lists of a TOML table as tuples; tables inside it are left out."""
    return {key: tuple(value) for key, value in table.items() if isinstance(value, list)}


def _join(tables: Iterable[Phrases]) -> Phrases:
    """All phrases under each key, in order, each once."""
    joined: Phrases = {}
    for table in tables:
        for key, some in table.items():
            joined[key] = tuple(dict.fromkeys(joined.get(key, ()) + some))
    return joined


def _by_style(tables: dict[str, Any]) -> dict[str, Phrases]:
    """The phrases of each style, those under ``more`` included."""
    return {style: _join([_phrases(table), _phrases(table.get("more", {}))]) for style, table in tables.items()}


_styles, _words, _held_out = _read("styles.toml"), _read("words.toml"), _read("held_out.toml")

STYLE_NAMES: Final = {style: _phrases(table) for style, table in _styles.items()}
"""The common names of each style, without the many further phrases."""
STYLE_PHRASES: Final = _by_style(_styles)
SCENE_PHRASES: Final = _by_style(_read("scenes.toml"))
HELD_OUT_STYLES: Final[dict[str, Phrases]] = {
    style: {"any": tuple(some)} for style, some in _held_out["styles"].items()
}
HELD_OUT_SCENES: Final[dict[str, Phrases]] = {
    style: {"any": tuple(some)} for style, some in _held_out["scenes"].items()
}
MOODS: Final = _phrases(_words["moods"])
TEMPO: Final = _phrases(_words["tempo"])
METER: Final = _phrases(_words["meter"])
FORM: Final = _phrases(_words["form"])
PARTS: Final = _phrases(_words["parts"])
INSTRUMENTS: Final = {int(program): tuple(names) for program, names in _words["instruments"].items()}
"""Names by General MIDI program."""
VOICES: Final = (52, 91)
"""General MIDI programs that are voices."""


def select_phrases(table: Phrases, minor: bool, level: str) -> tuple[str, ...]:
    """The phrases that hold for a mode and a level of energy: "calm", "middle" or "strong"."""
    return table["any"] + table.get("minor" if minor else "major", ()) + table.get(level, ())
