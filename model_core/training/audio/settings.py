"""How an audio model is fine-tuned: what `v2m train curve --model` can be told."""

from dataclasses import dataclass
from typing import Final

from model_core.errors import InputError

LORA_RATE: Final = 1e-4
FULL_RATE: Final = 5e-5
HIGHEST_RATE: Final = 1.0


@dataclass(frozen=True)
class FineTuneSettings:
    """See docs/models.md; InputError for a learning rate that cannot be meant.

    Attributes:
        seconds: of a crop.
        lora: rank of the adapters; 0 trains all weights.
        batch: crops at once on each device.
        accumulate: batches a step.
        learning_rate: the highest; None = LORA_RATE, or FULL_RATE for all weights.
        precision: see Runtime; trained weights are float32 in any case.
        checkpointing: compute activations twice instead of keeping them.
        validate_every: steps between held-out losses.
        listen_every: steps at least between takes that are listened to; 0 = never.
    """

    seconds: float = 30.0
    lora: int = 16
    batch: int = 8
    accumulate: int = 1
    learning_rate: float | None = None
    precision: str = "auto"
    checkpointing: bool = False
    validate_every: int = 250
    listen_every: int = 2000

    def __post_init__(self) -> None:
        if not 0 < self.rate <= HIGHEST_RATE:
            detail = f"{self.rate:g} is none; it must be above 0 and at most {HIGHEST_RATE:g}"
            raise InputError("--learning-rate", detail, "out_of_range")

    @property
    def rate(self) -> float:
        """The highest learning rate."""
        if self.learning_rate is not None:
            return self.learning_rate
        return LORA_RATE if self.lora else FULL_RATE
