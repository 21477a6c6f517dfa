"""Moods by mode and energy, words for tempo, meter and form."""

from typing import Final

MINOR_MOODS: Final = (
    "sad", "dark", "melancholic", "moody", "sombre", "wistful", "in a minor key", "minor", "brooding", "gloomy",
    "sorrowful", "mournful", "bleak", "lonely", "heavy-hearted", "troubled", "shadowy", "regretful", "bittersweet",
    "serious", "haunting",
)  # fmt: skip
MAJOR_MOODS: Final = (
    "happy", "uplifting", "bright", "hopeful", "warm", "joyful", "in a major key", "major", "sunny", "cheerful",
    "optimistic", "positive", "light-hearted", "feel-good", "carefree", "friendly", "upbeat mood", "inspiring",
    "radiant", "glad", "heartwarming",
)  # fmt: skip
STRONG_MOODS: Final = (
    "energetic", "powerful", "intense", "driving", "massive", "urgent", "high energy", "loud", "forceful", "punchy",
    "fierce", "explosive", "hard-hitting", "big", "full-on", "vigorous", "thrilling", "bold", "adrenaline",
    "relentless",
)  # fmt: skip
CALM_MOODS: Final = (
    "calm", "soft", "gentle", "quiet", "subdued", "restrained", "low energy", "peaceful", "relaxed", "mellow",
    "soothing", "tender", "intimate", "delicate", "hushed", "tranquil", "serene", "light", "low-key", "sparse",
)  # fmt: skip
MIDDLE_MOODS: Final = (
    "steady", "moderate", "flowing", "easy-going", "medium energy", "balanced", "even", "rolling", "unforced",
    "measured", "walking along", "not too loud", "not too busy", "in between", "medium intensity", "natural",
    "composed", "going along", "moderately lively", "neither loud nor quiet",
)  # fmt: skip
MINOR_TENSION: Final = (
    "dark", "sinister", "ominous", "nervous", "menacing", "minor", "in a minor key", "eerie", "creepy", "anxious",
    "uneasy", "threatening", "unsettling", "scary", "paranoid", "mysterious", "chilling", "foreboding", "grim",
    "disturbing",
)  # fmt: skip
"""What replaces the minor moods in the tension style."""

TEMPO_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "slow": ("slow", "slow tempo", "unhurried", "downtempo"), "middle": ("mid-tempo", "medium tempo", "moderate tempo"),
    "fast": ("fast", "fast tempo", "up-tempo", "quick"),
}  # fmt: skip
METER_WORDS: Final = {
    "4/4": (),
    "3/4": ("waltz", "in 3/4", "three-four time", "in three", "waltz time"),
    "6/8": ("in 6/8", "6/8 lilt", "six-eight time", "6/8 feel"),
}
HIT_WORDS: Final = (
    "big hits", "strong accents", "sudden hits", "impacts", "dramatic accents", "hits on the cuts",
    "sting on the door slam", "a hit when the title lands",
)  # fmt: skip
STOP_WORDS: Final = (
    "dramatic stops", "sudden stops", "pauses before the hits", "breathe, then strike", "silence before the hit",
)  # fmt: skip
CHANGE_WORDS: Final = (
    "many changes", "fast changes", "cuts every few seconds", "keep changing with the cuts",
)  # fmt: skip
STEADY_WORDS: Final = (
    "few changes", "long calm stretches", "an even flow", "stay out of the way of the voice-over",
)  # fmt: skip
RISE_WORDS: Final = (
    "starts quietly and grows", "builds from quiet to full", "a soft start, then full power",
    "hold back, then the reveal", "slow build to a climax", "start small, open up later",
)  # fmt: skip
FALL_WORDS: Final = (
    "starts big and calms down", "a strong opening that settles", "open strong, then leave room",
)  # fmt: skip
