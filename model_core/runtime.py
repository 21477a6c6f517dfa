"""Device and precision of an audio model, and its error for too little memory. Imports torch only when needed."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from model_core.errors import DeviceMemoryError, ModelError

if TYPE_CHECKING:
    import torch

TOO_LITTLE_MEMORY: Final = (
    "The GPU has too little memory for this model and window: set a smaller V2M_WINDOW_S, or free the GPU."
)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Runtime:
    """Device and precision of an audio model; score models always run on the CPU.

    Attributes:
        device: ``auto`` (the first GPU if there is one), ``cpu``, ``cuda`` or ``cuda:N``.
        precision: ``auto`` (bfloat16 on a GPU, float32 on a CPU), ``bfloat16`` or ``float32``.
        window_s: longest window in seconds; None = the model's own. Smaller windows need less memory.
        compile: True to compile the transformer by torch.compile: scores are faster, the first one is slow.
    """

    device: str = "auto"
    precision: str = "auto"
    window_s: float | None = None
    compile: bool = False

    def torch_device(self) -> "torch.device":
        """Device to run on; ModelError when there is no such device."""
        import torch

        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        kind, _, number = self.device.partition(":")
        if kind not in ("cpu", "cuda") or (kind == "cpu" and number) or (number and not number.isdecimal()):
            raise ModelError(f"device {self.device} does not exist; it must be auto, cpu, cuda or cuda:N")
        # Checked here, since torch stores the number of a device in eight bits.
        if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
            raise ModelError(f"device {self.device}: there are {torch.cuda.device_count()} GPUs that torch can use")
        return torch.device(self.device)

    def torch_dtype(self) -> "torch.dtype":
        """Precision of the networks; ModelError for an unknown one."""
        import torch

        choices = {"bfloat16": torch.bfloat16, "float32": torch.float32}
        if self.precision == "auto":
            return torch.bfloat16 if self.torch_device().type == "cuda" else torch.float32
        if self.precision not in choices:
            raise ModelError(f"precision {self.precision} is unknown; it must be auto, {' or '.join(choices)}")
        return choices[self.precision]


def run_within_memory(work: Callable[[], _T]) -> _T:
    """Call ``work``; instead of torch's error it raises DeviceMemoryError, after the memory of the work is freed."""
    import torch

    try:
        return work()
    except torch.OutOfMemoryError as error:
        # The frames of the failed work hold its tensors. The new error is raised after they and the old one are freed.
        traceback.clear_frames(error.__traceback__)
    torch.cuda.empty_cache()
    raise DeviceMemoryError(TOO_LITTLE_MEMORY)
