"""The generator on Stable Audio 3's own classes: before training it makes what diffusers' pipelines make."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableAudio3InpaintPipeline, StableAudio3Pipeline

from model_core.errors import CanceledError
from model_core.flow.sampler import Guidance
from model_core.models.stable_audio.flow import AudioFlow, Take
from tests.stable_audio.tiny_base import HOP, LATENTS
from tests.stable_audio.tiny_model import loaded, tiny_folder

PROMPT = "tense strings, then a big brass hit"
SECONDS = 2.0
FRAMES = 22
KINDS = [{"distilled": False, "differential": True}, {"distilled": True, "differential": False}]


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _curve(frames: int = FRAMES, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=frames)


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> AudioFlow:
    return AudioFlow(loaded(tiny_folder(tmp_path_factory.mktemp("model"))))


def _taught(folder: Path) -> AudioFlow:
    """A flow whose curve columns are no longer zero."""
    model = loaded(folder)
    for block in model.transformer.transformer_blocks:
        torch.nn.init.normal_(block.to_local_embed[0].weight.data[:, -2:], generator=_generator(9))
    return AudioFlow(model)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("guidance", "negative"), [(1.0, ""), (4.0, ""), (4.0, "calm piano")])
def test_the_text_path_is_text_to_audio(kind: dict[str, bool], guidance: float, negative: str, tmp_path: Path) -> None:
    ours = AudioFlow(loaded(tiny_folder(tmp_path, **kind)))
    theirs = StableAudio3Pipeline.from_pretrained(tmp_path / "base")
    theirs.set_progress_bar_config(disable=True)
    expected = theirs(
        PROMPT, duration=SECONDS, num_inference_steps=6, guidance_scale=guidance, negative_prompt=negative or None,
        generator=_generator(5), output_type="latent",
    ).audios  # fmt: skip
    take = Take(PROMPT, 5, None, negative)
    made = ours.generate([take], SECONDS, Guidance(guidance, 0.0), 6)
    assert made.shape == (1, LATENTS, FRAMES)
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_curve_path_is_inpainting(kind: dict[str, bool], tmp_path: Path) -> None:
    """With nothing kept, a new model that is given a curve makes what the inpainting pipeline makes of silence."""
    ours = AudioFlow(loaded(tiny_folder(tmp_path, **kind)))
    theirs = StableAudio3InpaintPipeline.from_pretrained(tmp_path / "base")
    theirs.set_progress_bar_config(disable=True)
    expected = theirs(
        PROMPT, duration=SECONDS, num_inference_steps=6, generator=_generator(5), output_type="latent",
        audio=torch.zeros(1, 2, FRAMES * HOP), mask=torch.zeros(1, 1, FRAMES),
    ).audios  # fmt: skip
    made = ours.generate([Take(PROMPT, 5, _curve())], SECONDS, Guidance(1.0, 1.0), 6)
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=1e-4)
    plain = ours.generate([Take(PROMPT, 5)], SECONDS, Guidance(1.0, 1.0), 6)
    assert (plain - expected).abs().max() > 1e-3, "None and zeros differ by biases"


def test_a_continuation_is_inpainting_of_what_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second window against the inpainting pipeline, which is given the first one's latents in place of sound."""
    longest_s = 10 * HOP / 44100 - 1e-6
    ours = AudioFlow(loaded(tiny_folder(tmp_path, longest_s=longest_s)))
    frames = 16
    first, second = ours.windows(frames)
    made = ours.generate([Take(PROMPT, 5, _curve(frames))], frames * HOP / 44100, Guidance(1.0, 1.0), 6)
    theirs = StableAudio3InpaintPipeline.from_pretrained(tmp_path / "base")
    theirs.set_progress_bar_config(disable=True)
    generator = _generator(5)
    torch.randn(1, LATENTS, 10, generator=generator)  # the first window's noise
    mask = (torch.arange(10) < second.known).float()[None, None]
    there = made[..., second.first : second.last]

    monkeypatch.setattr(theirs, "_encode_reference_audio", lambda audio, device: there)
    expected = theirs(
        PROMPT, duration=10 * HOP / 44100, num_inference_steps=6, generator=generator, output_type="latent",
        audio=torch.zeros(1, 2, 10 * HOP), mask=mask,
    ).audios  # fmt: skip
    assert second.known >= 1
    assert first.kept < 10
    torch.testing.assert_close(made[..., first.kept :], expected[..., second.known :], atol=1e-4, rtol=1e-4)


def test_a_taught_model_hears_the_curve_and_guidance_makes_it_louder(tmp_path: Path) -> None:
    flow = _taught(tiny_folder(tmp_path))

    def drawn(curve: np.ndarray | None, scale: float) -> torch.Tensor:
        return flow.generate([Take(PROMPT, 1, curve)], SECONDS, Guidance(1.0, scale), 6)

    unheard = drawn(np.zeros(FRAMES), 0.0)
    torch.testing.assert_close(drawn(_curve(), 0.0), unheard)
    once, twice = (float((drawn(_curve(), scale) - drawn(np.zeros(FRAMES), scale)).norm()) for scale in (1.0, 3.0))
    assert 0 < once < twice


def test_a_take_does_not_depend_on_its_batch(tmp_path: Path) -> None:
    for kind in KINDS:
        flow = _taught(tiny_folder(tmp_path, **kind))
        takes = [Take(PROMPT, 1, _curve()), Take("calm piano", 2, _curve(seed=4), "drums"), Take("", 3, _curve(seed=5))]
        together = flow.generate(takes, SECONDS, Guidance(3.0, 2.0), 4)
        for number, take in enumerate(takes):
            alone = flow.generate([take], SECONDS, Guidance(3.0, 2.0), 4)
            torch.testing.assert_close(together[number : number + 1], alone, atol=1e-4, rtol=1e-4)


def test_a_long_piece_with_a_batch_and_without_a_curve(flow: AudioFlow) -> None:
    short = AudioFlow(flow._model, longest_s=1.0)
    frames = short.codec.count_frames(3.5)
    made = short.generate([Take(PROMPT, 1), Take("", 2)], 3.5, Guidance(2.0, 0.0), 4)
    assert made.shape == (2, LATENTS, frames)
    assert len(short.windows(frames)) > 2
    assert made.std(dim=(0, 1)).min() > 0.1, "every frame is drawn"
    assert short.longest_s == 1.0


def test_progress_grows_over_all_windows_and_can_stop(flow: AudioFlow) -> None:
    short = AudioFlow(flow._model, longest_s=1.0)
    seen: list[float] = []
    short.generate([Take(PROMPT, 1)], 2.0, Guidance(1.0, 0.0), 4, seen.append)
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    windows = len(short.windows(FRAMES))
    assert len(seen) == 5 * windows
    steps = 0

    def stop(fraction: float) -> None:
        nonlocal steps
        steps += 1
        if fraction > 0.6:
            raise CanceledError

    with pytest.raises(CanceledError):
        short.generate([Take(PROMPT, 1)], 2.0, Guidance(1.0, 0.0), 4, stop)
    assert steps < 5 * windows


def test_takes_that_do_not_go_together_are_refused(flow: AudioFlow) -> None:
    with pytest.raises(ValueError, match="22 frames"):
        flow.generate([Take("", 1, _curve()), Take("", 2)], SECONDS, Guidance(1.0, 1.0), 4)
    with pytest.raises(ValueError, match="22 frames"):
        flow.generate([Take("", 1, _curve(21))], SECONDS, Guidance(1.0, 1.0), 4)
