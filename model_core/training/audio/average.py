"""The moving average of weights that are trained, and how it takes their place for a while."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import torch

_DECAY: Final = 0.999


class Average(torch.nn.ParameterList):
    """An exponential moving average of parameters, in their order and precision, on their device."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        self._of: list[torch.Tensor] = list(parameters)
        super().__init__([parameter.detach().clone() for parameter in self._of])
        self.requires_grad_(False)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step number ``step``; the first steps are forgotten faster."""
        decay = min(_DECAY, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self), self._of, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the parameters hold their averages; needs room for one weight more, not for all."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for parameter, average in zip(self._of, self, strict=True):
            kept = parameter.clone()
            parameter.copy_(average)
            average.copy_(kept)
