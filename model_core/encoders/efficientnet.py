"""EfficientNet-Lite0 picture encoder, by onnxruntime: the default features of the video event curve."""

from pathlib import Path
from typing import Final, Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from model_core.assets import asset
from model_core.encoders.registry import PICTURE_ENCODERS, EncoderEntry, check_pictures

SHIPPED: Final = "efficientnet-lite0/features.onnx"
BATCH: Final = 16
"""Pictures per run: limits the memory to about 100 MB at no loss of speed."""


class EfficientNetLite0:
    """Pooled ImageNet features of small RGB pictures. Loads in about 0.1 s; deterministic for a given batch."""

    name: str = "efficientnet-lite0"
    size: int = 224
    feature_kind: Literal["picture"] = "picture"
    dimensions: int = 1280

    def __init__(self, path: Path | None = None, threads: int = 2) -> None:
        """Load the ONNX file that scripts/export_efficientnet.py makes; the shipped one by default."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = ort.InferenceSession(path or asset(SHIPPED), options, providers=["CPUExecutionProvider"])

    def embed(self, rgb: NDArray[np.uint8], previous: NDArray[np.uint8] | None = None) -> NDArray[np.float32]:
        """Features (N, 1280) of pictures (N, 224, 224, 3), uint8 RGB; N may be 0. ``previous`` is not used.

        Raises:
            ValueError: the array has another shape or type.
        """
        check_pictures(rgb, self.size)
        out = np.empty((len(rgb), self.dimensions), np.float32)
        for start in range(0, len(rgb), BATCH):
            # The Lite networks were trained with (value - 127) / 128 instead of a mean and deviation per channel.
            pictures = (rgb[start : start + BATCH].astype(np.float32) - 127.0) / 128.0
            (out[start : start + BATCH],) = self._session.run(None, {"pictures": pictures.transpose(0, 3, 1, 2)})
        return out


PICTURE_ENCODERS.register(EfficientNetLite0.name, EncoderEntry(lambda weights, device: EfficientNetLite0()))
