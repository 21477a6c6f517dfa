"""How much work a stage is, counted from the sizes alone: operations, weights to read, activations to move.

Matrix products, convolutions and attention are counted, as torch.utils.flop_counter counts them (a multiplication and
an addition are two operations); norms, activations and positions are not. A product reads its input and its weights
and writes its output once; the scores of attention are never written.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """Operations, and how many values of weights and of activations they read or write."""

    operations: float = 0.0
    weights: float = 0.0
    activations: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(
            self.operations + other.operations, self.weights + other.weights, self.activations + other.activations
        )

    def __mul__(self, times: float) -> "Work":
        """So many layers of it, or the same layer run so often: its weights are read each time."""
        return Work(times * self.operations, times * self.weights, times * self.activations)

    def values(self) -> float:
        """Values read or written in all."""
        return self.weights + self.activations


def product(rows: float, inputs: float, outputs: float) -> Work:
    """(rows, inputs) by (inputs, outputs)."""
    return Work(2 * rows * inputs * outputs, inputs * outputs, rows * (inputs + outputs))


def convolution(positions: float, inputs: float, outputs: float, kernel: float, read: float) -> Work:
    """A convolution that writes ``positions`` of ``outputs`` values each, and reads ``read`` values.

    Args:
        positions: places of the output, over the batch.
        inputs: channels that one output channel sees; 1 where each channel is on its own.
        outputs: channels.
        kernel: places that the kernel covers.
        read: values of the input.
    """
    weights = inputs * outputs * kernel
    return Work(2 * positions * weights, weights, read + positions * outputs)


def attention(batch: float, queries: float, keys: float, width: float, pairs: float | None = None) -> Work:
    """Scores and weighted sums of all heads, together ``width`` wide.

    Args:
        batch, queries, keys, width: q is (batch, queries, width), k and v are (batch, keys, width).
        pairs: of queries and keys that see each other, in one item of the batch; all of them by default.
    """
    seen = queries * keys if pairs is None else pairs
    return Work(4 * batch * seen * width, 0.0, 2 * batch * width * (queries + keys))


def band_pairs(tokens: int, reach: int) -> int:
    """Pairs of tokens at most ``reach`` apart."""
    reach = min(reach, tokens - 1)
    return tokens * (2 * reach + 1) - reach * (reach + 1)
