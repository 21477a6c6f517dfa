"""Tables of phrases, split by what must hold of a piece for a phrase to be true."""

Phrases = dict[str, tuple[str, ...]]
"""Keys: "any", "minor", "major", "strong" or "calm"."""


def phrases(table: Phrases, minor: bool, level: str) -> tuple[str, ...]:
    """The phrases of a style that hold for a mode and a level of energy: "calm", "middle" or "strong"."""
    return table["any"] + table.get("minor" if minor else "major", ()) + table.get(level, ())
