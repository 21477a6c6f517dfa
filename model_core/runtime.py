"""Where and how an audio model runs: device, precision, longest window, compiled or not. Torch-free until asked."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_core.errors import ModelError

if TYPE_CHECKING:
    import torch


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
        try:
            device = torch.device(self.device)
        except RuntimeError:
            raise ModelError(f"device {self.device} is none; it must be auto, cpu, cuda or cuda:N") from None
        if device.type not in ("cpu", "cuda"):
            raise ModelError(f"device {self.device} is none; it must be auto, cpu, cuda or cuda:N")
        if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
            raise ModelError(f"device {self.device}: there are {torch.cuda.device_count()} GPUs that torch can use")
        return device

    def torch_dtype(self) -> "torch.dtype":
        """The precision that is meant."""
        import torch

        choices = {"bfloat16": torch.bfloat16, "float32": torch.float32}
        if self.precision == "auto":
            return torch.bfloat16 if self.torch_device().type == "cuda" else torch.float32
        if self.precision not in choices:
            raise ModelError(f"precision {self.precision} is none; it must be auto, {' or '.join(choices)}")
        return choices[self.precision]
