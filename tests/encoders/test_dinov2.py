"""DINOv2 against transformers' own computation, and the folders that are refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from transformers import AutoModel, BitImageProcessor

from model_core.encoders import dinov2
from model_core.encoders.dinov2 import Dinov2
from model_core.errors import ModelError
from tests.encoders.tiny import tiny_dinov2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dinov2(tmp_path_factory.mktemp("dinov2") / "tiny")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Dinov2:
    return Dinov2.load("dinov2-small", folder)


def pictures(count: int, seed: int = 0) -> NDArray[np.uint8]:
    blocks = np.random.default_rng(seed).integers(0, 256, (count, 14, 14, 3), dtype=np.uint8)
    return blocks.repeat(16, axis=1).repeat(16, axis=2)


def test_features_are_the_mean_of_the_patch_tokens_that_transformers_computes(encoder: Dinov2, folder: Path) -> None:
    rgb = pictures(3)
    # The processor that the published models come with, told not to crop; it divides and normalises by itself.
    processor = BitImageProcessor(
        do_resize=False, do_center_crop=False, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]
    )
    inputs = processor(list(rgb), return_tensors="pt", input_data_format="channels_last")
    network = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        tokens = network(**inputs).last_hidden_state
    assert tokens.shape == (3, 1 + 16 * 16, 24)
    features = encoder.embed(rgb)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, tokens[:, 1:].mean(dim=1).numpy(), atol=1e-5)
    assert np.abs(features - tokens[:, 0].numpy()).max() > 0.1  # the class token is another thing


def test_batches_are_bounded_and_change_nothing(encoder: Dinov2, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rgb = pictures(5)
    whole = encoder.embed(rgb)
    np.testing.assert_array_equal(encoder.embed(rgb, previous=rgb[0]), whole)
    monkeypatch.setattr(dinov2, "BATCH", 2)
    sizes: list[int] = []
    other = Dinov2.load("dinov2-small", folder)
    other._network.register_forward_pre_hook(
        lambda module, args, kwargs: sizes.append(len(kwargs["pixel_values"])), with_kwargs=True
    )
    np.testing.assert_allclose(other.embed(rgb), whole, atol=1e-5)
    assert sizes == [2, 2, 1]
    assert encoder.embed(rgb[:0]).shape == (0, 24)


def test_other_shapes_and_types_are_refused(encoder: Dinov2) -> None:
    with pytest.raises(ValueError, match="uint8 of shape"):
        encoder.embed(np.zeros((1, 3, 224, 224), np.uint8))


def changed_config(folder: Path, **fields: Any) -> Path:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **fields}))
    return folder


def changed_weights(folder: Path, change: str) -> Path:
    path = folder / "model.safetensors"
    weights = load_file(path)
    name = "layernorm.weight"
    if change == "missing":
        del weights[name]
    elif change == "unknown":
        weights["head.weight"] = torch.zeros(3)
    else:
        weights[name] = torch.ones(23)
    save_file(weights, path, metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("change", "words"),
    [("missing", "missing keys: layernorm.weight"), ("unknown", "unexpected keys: head.weight"),
     ("shape", "mismatched keys: layernorm.weight")],
)  # fmt: skip
def test_weights_that_do_not_fit_are_named(tmp_path: Path, change: str, words: str) -> None:
    folder = changed_weights(tiny_dinov2(tmp_path / "dino"), change)
    with pytest.raises(ModelError, match=words) as caught:
        Dinov2.load("dinov2-small", folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"model_type": "dinov3_vit"}, "model_type is dinov3_vit, not dinov2"),
     ({"hidden_size": 1024}, "hidden_size 1024 belongs to dinov2-large"),
     ({"patch_size": 15}, "patch_size 15 does not divide 224"),
     ({"patch_size": "small"}, "patch_size small does not divide 224"),
     ({"num_hidden_layers": "many"}, "cannot be loaded: .*num_hidden_layers")],
)  # fmt: skip
def test_another_architecture_or_size_is_refused(tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    folder = changed_config(tiny_dinov2(tmp_path / "dino"), **fields)
    with pytest.raises(ModelError, match=words) as caught:
        Dinov2.load("dinov2-small", folder)
    assert "\n" not in str(caught.value)


def test_an_empty_and_a_damaged_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        Dinov2.load("dinov2-small", tmp_path)
    folder = tiny_dinov2(tmp_path / "dino")
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="dino cannot be loaded") as caught:
        Dinov2.load("dinov2-small", folder)
    assert "\n" not in str(caught.value)
