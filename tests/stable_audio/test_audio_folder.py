"""Loading an audio model's folder: what is refused, and what bfloat16 must not round."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from model_core.conditioning import Condition
from model_core.errors import ModelError
from model_core.generator import predict_velocity
from model_core.model_folder.audio import AudioModel, load_audio
from model_core.model_folder.embedded import load_embedded, save_embedded
from model_core.model_folder.manifest import digests_of
from model_core.pipeline import Pipeline
from tests.model_core.tiny_model import tiny_model
from tests.stable_audio.tiny_base import LATENTS, WIDTH
from tests.stable_audio.tiny_model import loaded, tiny_folder

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_folder(tmp_path)


def _manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        manifest = json.loads((folder / "v2m.json").read_text())
        change(manifest)
        (folder / "v2m.json").write_text(json.dumps(manifest))

    return spoil


def _resealed(change: Callable[[Path], None]) -> Callable[[Path], None]:
    """A change of the files of which v2m.json knows."""

    def spoil(folder: Path) -> None:
        change(folder)
        _manifest(lambda manifest: manifest.update(sha256=digests_of(folder)))(folder)

    return spoil


def _narrowed(folder: Path) -> None:
    """The transformer as it was before it took a curve."""
    config = json.loads((folder / "transformer/config.json").read_text())
    config["local_add_cond_dim"] -= 2
    (folder / "transformer/config.json").write_text(json.dumps(config))
    path = next((folder / "transformer").glob("*.safetensors"))
    weights = load_file(path)
    narrow = {name: w[:, :-2].contiguous() if name.endswith("embed.0.weight") else w for name, w in weights.items()}
    save_file(narrow, path)


def _weights_without(part: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = next((folder / part).glob("*.safetensors"))
        weights = load_file(path)
        weights.pop(sorted(weights)[0])
        save_file(weights, path, metadata={"format": "pt"})

    return spoil


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no curve": (_resealed(_narrowed), r"transformer: takes no curve; make it take one by `v2m model init`"),
    "damaged": (lambda f: (f / "vae/config.json").write_text("{}"), r"vae/config\.json is damaged: its sha256"),
    "a part is gone": (lambda f: (f / "scheduler/scheduler_config.json").unlink(), r"scheduler_config\.json is miss"),
    "a stranger": (lambda f: (f / "run.py").write_text("print()"), r"run\.py does not belong here"),
    "weights are missing": (_resealed(_weights_without("text_encoder")), r"text_encoder: missing keys: "),
    "weights of the codec": (_resealed(_weights_without("vae")), r"vae: missing keys: "),
    "no window": (_manifest(lambda m: m["curve"].pop("hann_window_s")), r"curve\.hann_window_s: Field required"),
    "windows": (_manifest(lambda m: m["windows"].update(context_s=19)), r"windows: .* nothing of longest_s"),
    "another encoder": (_manifest(lambda m: m["encoders"].update(picture="eyes")), r"eyes.*efficientnet-lite0"),
    "unknown field": (_manifest(lambda m: m.update(grid={})), r"grid: Extra inputs"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_good_folder_is_refused_in_one_line(fault: str, folder: Path) -> None:
    spoil, told = FAULTS[fault]
    spoil(folder)
    with pytest.raises(ModelError, match=told) as refused:
        Pipeline.load(folder)
    assert "\n" not in str(refused.value)


def test_the_kinds_are_not_taken_for_one_another(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"kind is stable-audio-3, not a score model's"):
        load_embedded(folder)
    save_embedded(tiny_model(), tmp_path / "score")
    with pytest.raises(ModelError, match=r"kind is embedded-score, not an audio model's"):
        loaded(tmp_path / "score")
    assert Pipeline.load(folder).musician.title == "tiny 0"
    assert not Pipeline.load(folder).musician.writes_notes
    assert Pipeline.load(tmp_path / "score").musician.writes_notes


def _velocity(model: AudioModel, frames: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    dtype = model.transformer.dtype
    condition = Condition(
        text=torch.randn(1, 4, WIDTH, generator=generator).to(dtype),
        text_mask=torch.ones(1, 4, dtype=torch.bool),
        global_vector=torch.randn(1, WIDTH, generator=generator).to(dtype),
        local=None,
        curve=None,
    )
    latents = torch.randn(1, LATENTS, frames, generator=generator).to(dtype)
    with torch.no_grad():
        return predict_velocity(model.transformer, latents, torch.tensor([0.5]), condition).float()


def test_bfloat16_does_not_lose_count_of_positions(folder: Path) -> None:
    exact = _velocity(loaded(folder), 1500)
    half = load_audio(folder, CPU, torch.bfloat16)
    assert half.transformer.dtype is torch.bfloat16
    assert half.vae.dtype is torch.bfloat16
    near = (_velocity(half, 1500) - exact)[..., 300:].norm() / exact[..., 300:].norm()
    half.transformer.rotary_pos_emb.to(torch.bfloat16)
    far = (_velocity(half, 1500) - exact)[..., 300:].norm() / exact[..., 300:].norm()
    assert near < 0.05
    assert far > 1.5 * near


def test_bfloat16_keeps_the_duration(folder: Path) -> None:
    exact, half = loaded(folder), load_audio(folder, CPU, torch.bfloat16)
    seconds = torch.tensor([3.0, 47.5, 379.0])
    torch.testing.assert_close(half.duration_embedder(seconds), exact.duration_embedder(seconds), atol=0, rtol=0)
