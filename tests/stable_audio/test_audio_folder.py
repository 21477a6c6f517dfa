"""Loading an audio model's folder: what is refused, and what bfloat16 must not round."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from model_core.errors import ModelError
from model_core.flow.conditioning import Condition
from model_core.flow.sampler import predict_velocity
from model_core.models.folder.manifest import compute_digests
from model_core.models.score.folder import load_score_parts, save_score_parts
from model_core.models.stable_audio import InitSettings
from model_core.models.stable_audio.folder import StableAudioParts, load_stable_audio_parts
from model_core.models.stable_audio.init import init_model
from model_core.pipeline import Pipeline
from model_core.runtime import Runtime
from tests.model_core.tiny_model import tiny_model
from tests.stable_audio.tiny_base import LATENTS, WIDTH, tiny_pipeline
from tests.stable_audio.tiny_model import loaded, tiny_folder

CPU = torch.device("cpu")
SECONDS = torch.tensor([3.0, 47.5, 379.0])


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
        _manifest(lambda manifest: manifest.update(sha256=compute_digests(folder)))(folder)

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
    "no curve": (_resealed(_narrowed), r"transformer: has no input for the curve; add it with `v2m model init`"),
    "damaged": (lambda f: (f / "vae/config.json").write_text("{}"), r"vae/config\.json is damaged: its sha256"),
    "a part is gone": (lambda f: (f / "scheduler/scheduler_config.json").unlink(), r"scheduler_config\.json is miss"),
    "a stranger": (lambda f: (f / "run.py").write_text("print()"), r"run\.py does not belong here"),
    "weights are missing": (_resealed(_weights_without("text_encoder")), r"text_encoder: missing keys: "),
    "weights of the codec": (_resealed(_weights_without("vae")), r"vae: missing keys: "),
    "no window": (_manifest(lambda m: m["curve"].pop("hann_window_s")), r"curve\.hann_window_s: Field required"),
    "windows": (_manifest(lambda m: m["windows"].update(context_s=19)), r"windows: .* no part of longest_s"),
    "another encoder": (_manifest(lambda m: m["encoders"].update(picture="eyes")), r"eyes.*efficientnet-lite0"),
    "unknown field": (_manifest(lambda m: m.update(grid={})), r"grid: Extra inputs"),
    "an encoder's weights": (
        _manifest(lambda m: m["encoders"].update(picture="dinov2-small")),
        r"encoders/picture is missing, the weights of dinov2-small",
    ),
    "another text encoder": (_manifest(lambda m: m["encoders"].update(text="t5")), r"encoders\.text is t5"),
    "no words": (
        _resealed(lambda f: (f / "tokenizer/tokenizer.json").unlink()),
        r"tokenizer/tokenizer\.json is missing",
    ),
    "windows of a frame": (
        _manifest(lambda m: m.update(windows={"longest_s": 0.05, "context_s": 0.01, "ending_s": 0.01})),
        r"windows of 0\.05 s are less than two latent frames",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_good_folder_is_refused_in_one_line(fault: str, folder: Path) -> None:
    spoil, told = FAULTS[fault]
    spoil(folder)
    with pytest.raises(ModelError, match=told) as refused:
        Pipeline.load(folder)
    assert "\n" not in str(refused.value)


def test_the_kinds_are_not_taken_for_one_another(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"kind: Input should be 'embedded-score', not stable-audio-3"):
        load_score_parts(folder)
    save_score_parts(tiny_model(), tmp_path / "score")
    with pytest.raises(ModelError, match=r"kind: Input should be 'stable-audio-3', not embedded-score"):
        loaded(tmp_path / "score")
    assert Pipeline.load(folder).info.title == "tiny 0"
    assert Pipeline.load(folder).info.kind == "stable-audio-3"
    assert Pipeline.load(tmp_path / "score").info.kind == "embedded-score"


def _velocity(model: StableAudioParts, frames: int) -> torch.Tensor:
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
    half = load_stable_audio_parts(folder, CPU, torch.bfloat16)
    assert half.transformer.dtype is torch.bfloat16
    assert half.vae.dtype is torch.bfloat16
    near = (_velocity(half, 1500) - exact)[..., 300:].norm() / exact[..., 300:].norm()
    half.transformer.rotary_pos_emb.to(torch.bfloat16)
    far = (_velocity(half, 1500) - exact)[..., 300:].norm() / exact[..., 300:].norm()
    assert near < 0.05
    assert far > 1.5 * near


def test_bfloat16_keeps_the_duration(folder: Path) -> None:
    exact, half = loaded(folder), load_stable_audio_parts(folder, CPU, torch.bfloat16)
    torch.testing.assert_close(half.duration_embedder(SECONDS), exact.duration_embedder(SECONDS), atol=0, rtol=0)


def test_a_base_that_was_saved_in_bfloat16_tells_durations_and_positions_too(folder: Path, tmp_path: Path) -> None:
    """Frequencies are saved with the weights, and rounded with them; what is rounded of the weights is little."""
    pipeline = tiny_pipeline()
    pipeline.to(torch.bfloat16)
    pipeline.save_pretrained(tmp_path / "rounded")
    init_model(
        str(tmp_path / "rounded"), tmp_path / "half", InitSettings("x", picture="efficientnet-lite0", music="musicnn")
    )
    exact, half = loaded(folder), loaded(tmp_path / "half")
    torch.testing.assert_close(half.duration_embedder.freqs, exact.duration_embedder.freqs, atol=0, rtol=0)
    torch.testing.assert_close(
        half.transformer.rotary_pos_emb.inv_freq, exact.transformer.rotary_pos_emb.inv_freq, atol=0, rtol=0
    )
    off = half.duration_embedder(SECONDS) - exact.duration_embedder(SECONDS)
    assert off.abs().max() < 0.02


@pytest.mark.parametrize(
    ("device", "told"), [("cuda:99999", "0 GPUs"), ("cuda:256", "0 GPUs"), ("gpu", "does not exist")]
)
def test_a_device_that_is_not_there_is_told(
    device: str, told: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ModelError, match=told):
        Pipeline.load(folder, Runtime(device=device))
