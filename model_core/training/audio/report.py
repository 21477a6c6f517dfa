"""What is told at the end of a fine-tuning, and kept as WORK/audio-curve/result.json."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from model_core.media.writing import replacing
from model_core.training.audio.gain import Gain, HeldOut, gain_of


@dataclass(frozen=True)
class Report:
    """How a fine-tuned model does on held-out music.

    Attributes:
        version: of the model.
        steps: that it was trained for.
        losses: on held-out music, see HeldOut.means.
        gain: by how much the curve makes the loss less than none does.
        gain_of_time: by how much it makes it less than the same curve at another time does.
        listened: see Listening.figures; empty where nobody listened.
    """

    version: str
    steps: int
    losses: Mapping[str, float]
    gain: Gain
    gain_of_time: Gain
    listened: Mapping[str, float]

    @classmethod
    def of(cls, version: str, steps: int, losses: HeldOut, listened: Mapping[str, float]) -> Self:
        gain = gain_of(losses.without - losses.with_curve, losses.tracks)
        gain_of_time = gain_of(losses.shifted - losses.with_curve, losses.tracks)
        return cls(version, steps, losses.means(), gain, gain_of_time, dict(listened))

    @property
    def follows(self) -> bool:
        """Whether the model follows the curve: a right one at the wrong time is worth less to it."""
        return self.gain_of_time.is_sure

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"held-out loss is less with the curve than without by {self.gain}",
            f"and less than with the curve at another time by {self.gain_of_time}",
            *(f"{name} {value:.3f}" for name, value in self.listened.items()),
        ]

    def write(self, path: Path) -> None:
        """As JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as beside:
            beside.write_text(json.dumps(asdict(self), indent=2) + "\n")


def reported(path: Path) -> tuple[str, int] | None:
    """Version and steps of a report; None where there is none that can be read."""
    try:
        given: dict[str, Any] = json.loads(path.read_text())
        return str(given["version"]), int(given["steps"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
