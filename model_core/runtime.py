"""Device and precision of an audio model, and the error for too little memory. Imports torch only when called."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from model_core.errors import DeviceMemoryError, ModelError

if TYPE_CHECKING:
    import torch

TOO_LITTLE_MEMORY: Final = (
    "The GPU's memory does not hold the model with so much music at once: set a smaller V2M_WINDOW_S, or free the GPU."
)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Runtime:
    """The embedded score model always runs on the CPU, and takes no notice of this.

    Attributes:
        device: ``auto`` (the first GPU if there is one), ``cpu``, ``cuda`` or ``cuda:N``.
        precision: ``auto`` (bfloat16 on a GPU, float32 on a CPU), ``bfloat16`` or ``float32``.
        window_s: longest music made at once, in seconds, where the model's own is too much for the memory.
        compile: whether torch.compile makes the transformer faster, at the price of a slow first score.
    """

    device: str = "auto"
    precision: str = "auto"
    window_s: float | None = None
    compile: bool = False

    def torch_device(self) -> "torch.device":
        """The device that is meant; ModelError when there is none such."""
        import torch

        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        kind, _, number = self.device.partition(":")
        if kind not in ("cpu", "cuda") or (kind == "cpu" and number) or (number and not number.isdecimal()):
            raise ModelError(f"device {self.device} is none; it must be auto, cpu, cuda or cuda:N")
        # Counted here: torch keeps the number of a device in eight bits.
        if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
            raise ModelError(f"device {self.device}: there are {torch.cuda.device_count()} GPUs that torch can use")
        return torch.device(self.device)

    def torch_dtype(self) -> "torch.dtype":
        """The precision that is meant."""
        import torch

        choices = {"bfloat16": torch.bfloat16, "float32": torch.float32}
        if self.precision == "auto":
            return torch.bfloat16 if self.torch_device().type == "cuda" else torch.float32
        if self.precision not in choices:
            raise ModelError(f"precision {self.precision} is none; it must be auto, {' or '.join(choices)}")
        return choices[self.precision]


def within_memory(work: Callable[[], _T]) -> _T:
    """What ``work`` returns; DeviceMemoryError instead of torch's own, when all that the work held is free again."""
    import torch

    try:
        return work()
    except torch.OutOfMemoryError as error:
        # The frames of the failed work hold its tensors. Ours is raised once they and the error are gone.
        traceback.clear_frames(error.__traceback__)
    torch.cuda.empty_cache()
    raise DeviceMemoryError(TOO_LITTLE_MEMORY)
