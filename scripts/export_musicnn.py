"""Make model_core/assets/musicnn/mtt_musicnn.safetensors from the checkpoint inside the PyPI package musicnn 0.1.0.

Run once, by hand: `.venv/bin/python -m scripts.export_musicnn`. The package itself wants TensorFlow and a NumPy of
2019, so it is only downloaded and read. Filters and matrices are stored as float16, which is half the size; biases and
batch normalization, whose variances are too small for that, as float32.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Final

import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from model_core.encoders.musicnn import MELS, MusicnnNetwork
from scripts.tf_checkpoint import tensors

OUT: Final = Path(__file__).parents[1] / "model_core" / "assets" / "musicnn" / "mtt_musicnn.safetensors"
PACKAGE: Final = "musicnn==0.1.0"
SHA256: Final = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
INDEX: Final = "musicnn/MTT_musicnn/.index"
DATA: Final = "musicnn/MTT_musicnn/.data-00000-of-00001"
MEMBERS: Final = {
    INDEX: "da2d7bb670b2b31e9bc441bb1bd75eca31b5b061f963cc1f9630c1aff3238f57",
    DATA: "041f3935e981a65cea739842d30c188d3a7d2adf4410955c8668eb3de4a5acab",
}
BATCH_NORM: Final = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
MOST_ERROR: Final = 0.01
"""Of float16: of a frame's features, as a share of their length, and of a tag's probability."""


def modules() -> dict[str, str]:
    """Name of each module of MusicnnNetwork -> its name in TensorFlow, which counts in the order of creation."""
    names = {"norm": "batch_normalization"}
    blocks = ["timbral.0", "timbral.1", "temporal.0", "temporal.1", "temporal.2", "middle.0", "middle.1", "middle.2"]
    for number, block in enumerate(blocks):
        names[f"{block}.convolution"] = f"conv2d_{number}" if number else "conv2d"
        names[f"{block}.norm"] = f"batch_normalization_{number + 1}"
    last = {"pooled_norm": "batch_normalization_9", "dense_norm": "batch_normalization_10"}
    return {**names, **last, "dense": "dense", "output": "dense_1"}


def checkpoint() -> dict[str, NDArray[Any]]:
    """Download the package and read its checkpoint, if every file is the one that is known."""
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"]
        if subprocess.run([*command, "--dest", temporary, PACKAGE], check=False).returncode:
            sys.exit(f"export_musicnn: pip could not download {PACKAGE}")
        wheel = next(Path(temporary).glob("*.whl"))
        check(wheel.name, wheel.read_bytes(), SHA256)
        with zipfile.ZipFile(wheel) as archive:
            files = {name: archive.read(name) for name in MEMBERS}
    for name, sha256 in MEMBERS.items():
        check(name, files[name], sha256)
    return tensors(files[INDEX], files[DATA])


def check(name: str, content: bytes, sha256: str) -> None:
    """Leave if the content is another."""
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        sys.exit(f"export_musicnn: {name} is not what was expected ({found})")


def converted(stored: dict[str, NDArray[Any]]) -> MusicnnNetwork:
    """The network with the checkpoint's weights, in float32."""
    network = MusicnnNetwork().eval()
    state = network.state_dict()
    for ours, theirs in modules().items():
        if "normalization" in theirs:
            found = {name: stored[f"{theirs}/{tf}"] for name, tf in BATCH_NORM.items()}
        else:
            kernel = stored[f"{theirs}/kernel"]
            # (frames, bands, 1, filters) -> (filters, 1, frames, bands), for the middle (filters, features, frames).
            turned = kernel.T if kernel.ndim == 2 else kernel.transpose(3, 2, 0, 1)
            turned = turned[:, 0].swapaxes(1, 2) if ours.startswith("middle") else turned
            found = {"weight": turned, "bias": stored[f"{theirs}/bias"]}
        for name, values in found.items():
            state[f"{ours}.{name}"] = torch.from_numpy(values.copy())
    network.load_state_dict(state)
    return network


@torch.no_grad()
def main() -> None:
    reference = converted(checkpoint())
    state = {
        name: values.half() if values.dim() > 1 else values.clone() for name, values in reference.state_dict().items()
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, OUT)

    halved = MusicnnNetwork().eval()
    halved.load_state_dict(state)
    mel = 4 * torch.rand(2, 187, MELS, generator=torch.Generator().manual_seed(0)) ** 2
    mel[1] = mel[1, ::11].repeat_interleave(11, dim=0)
    features = reference.features(mel), halved.features(mel)
    error = float(((features[0] - features[1]).norm(dim=2) / features[0].norm(dim=2)).max())
    tags = float((reference.tags(features[0]) - halved.tags(features[1])).abs().max())
    if max(error, tags) > MOST_ERROR:
        sys.exit(f"export_musicnn: float16 moves features by {error:.4f} and tags by {tags:.4f}")
    digest = hashlib.sha256(OUT.read_bytes()).hexdigest()
    print(f"{OUT}: {OUT.stat().st_size:,} B, errors {error:.2g} (features), {tags:.2g} (tags), sha256 {digest}")


if __name__ == "__main__":
    main()
