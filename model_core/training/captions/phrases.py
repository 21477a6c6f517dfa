"""All phrases of captions by style: those that describe the music, and what it may be for."""

from typing import Final

from model_core.training.captions.more_scenes_bands import MORE_SCENES_BANDS
from model_core.training.captions.more_scenes_electric import MORE_SCENES_ELECTRIC
from model_core.training.captions.more_scenes_screen import MORE_SCENES_SCREEN
from model_core.training.captions.more_styles_bands import MORE_STYLE_WORDS_BANDS
from model_core.training.captions.more_styles_electric import MORE_STYLE_WORDS_ELECTRIC
from model_core.training.captions.more_styles_screen import MORE_STYLE_WORDS_SCREEN
from model_core.training.captions.scenes import SCENES
from model_core.training.captions.styles import STYLE_WORDS
from model_core.training.captions.tables import Phrases


def _joined(*tables: dict[str, Phrases]) -> dict[str, Phrases]:
    joined: dict[str, Phrases] = {}
    for table in tables:
        for style, phrases in table.items():
            known = joined.setdefault(style, {})
            for key, some in phrases.items():
                known[key] = tuple(dict.fromkeys(known.get(key, ()) + some))
    return joined


STYLE_PHRASES: Final = _joined(STYLE_WORDS, MORE_STYLE_WORDS_SCREEN, MORE_STYLE_WORDS_ELECTRIC, MORE_STYLE_WORDS_BANDS)
SCENE_PHRASES: Final = _joined(SCENES, MORE_SCENES_SCREEN, MORE_SCENES_ELECTRIC, MORE_SCENES_BANDS)
