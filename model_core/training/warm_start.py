"""Start a flow from one that was trained with another vocabulary: what both know keeps its weights."""

from typing import Final

import torch
from diffusers import StableAudio3DiTModel

from model_core.plan.vocabulary import Vocabulary

_GLOBAL: Final = "to_global_embed.0.weight"
Columns = dict[tuple[str, ...], int]

# A style that an older vocabulary lacks starts from the nearest one that it has.
NEAREST_STYLES: Final = {
    "trailer": "cinematic", "orchestral": "cinematic", "hiphop": "lofi", "pop": "house", "rock": "synthwave",
    "funk": "house", "jazz": "lofi", "corporate": "acoustic", "latin": "acoustic", "chiptune": "synthwave",
    "comedy": "acoustic",
}  # fmt: skip


def with_vocabulary(model: StableAudio3DiTModel, old: Vocabulary, new: Vocabulary) -> StableAudio3DiTModel:
    """A copy of a flow that takes headers of the new vocabulary.

    Of the first global layer, whose columns are the header's values, those of known styles, programs and roles move to
    their new places; unknown programs start at zero and unknown styles as in NEAREST_STYLES. A header that both
    vocabularies can say gives the same output as before.
    """
    config = dict(model.config)
    config["global_cond_dim"] += new.dimension - old.dimension
    grown = type(model).from_config(config)
    state = model.state_dict()
    before = state[_GLOBAL]
    after = torch.zeros(len(before), config["global_cond_dim"])
    after[:, new.dimension :] = before[:, old.dimension :]
    old_at, new_at = _columns(old), _columns(new)
    for name, column in new_at.items():
        source = old_at.get(name)
        if source is None and name[0] == "style":
            source = old_at.get(("style", NEAREST_STYLES.get(name[1], "")))
        if source is not None:
            after[:, column] = before[:, source]
    _rescale_tempo(after, before, (old, new), (old_at, new_at))
    state[_GLOBAL] = after
    grown.load_state_dict(state)
    return grown.train(model.training)


def _rescale_tempo(
    after: torch.Tensor,
    before: torch.Tensor,
    vocabularies: tuple[Vocabulary, Vocabulary],
    columns: tuple[Columns, Columns],
) -> None:
    """The same bpm has another value in another range: x_old = scale * x_new + offset.

    The layer has no bias, so the offset goes to the styles, one of which is always set.
    """
    (low, high), (new_low, new_high) = (vocabulary.bpm for vocabulary in vocabularies)
    tempo = before[:, columns[0]["scalar", "bpm"]]
    after[:, columns[1]["scalar", "bpm"]] = tempo * (new_high - new_low) / (high - low)
    offset = (new_low - low + new_high - high) / (high - low)
    for name, column in columns[1].items():
        if name[0] == "style":
            after[:, column] += offset * tempo


def _columns(vocabulary: Vocabulary) -> Columns:
    """Where each value of Header.vector lies."""
    names: list[tuple[str, ...]] = [("style", style) for style in vocabulary.styles]
    if len(vocabulary.meters) > 1:
        names += [("meter", meter) for meter in vocabulary.meters]
    names += [("scalar", name) for name in ("bpm", "swing", "minor", "energy", "density")]
    for role, choices in vocabulary.programs.items():
        names += [("role", role), *(("program", role, str(program)) for program in choices)]
    return {name: column for column, name in enumerate(names)}
