"""Conditioning and sampling on tiny random checkpoints of the same class that ships."""

import itertools

import pytest
import torch
from diffusers import StableAudio3DiTModel

from model_core.flow.conditioning import Condition, add_given_flag, inpainting_channels, widen_for_curve
from model_core.flow.sampler import (
    Guidance,
    even_sigmas,
    generate,
    guided_variants,
    guided_velocity,
    overlapping_starts,
    predict_velocity,
)

CHANNELS, GRID, CURVE, TEXT, GLOBAL = 8, 3, 4, 16, 12


def _model(seed: int = 0) -> StableAudio3DiTModel:
    torch.manual_seed(seed)
    model = StableAudio3DiTModel(
        io_channels=CHANNELS, embed_dim=32, depth=2, num_heads=1, cond_token_dim=TEXT, global_cond_dim=GLOBAL,
        local_add_cond_dim=1 + CHANNELS + GRID, timestep_features_dim=16, num_memory_tokens=2,
        use_differential_attention=False,
    )  # fmt: skip
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return model.eval()


def _condition(frames: int, curve: torch.Tensor | None = None, prompted: bool = True) -> Condition:
    generator = torch.Generator().manual_seed(1)
    latents = torch.zeros(1, CHANNELS, frames)
    keep = torch.zeros(1, frames, dtype=torch.bool)
    grid = torch.randn(1, GRID, frames, generator=generator)
    return Condition(
        text=torch.randn(1, 5, TEXT, generator=generator),
        text_mask=torch.full((1, 5), prompted),
        global_vector=torch.randn(1, GLOBAL, generator=generator) * float(prompted),
        local=torch.cat([inpainting_channels(latents, keep), grid], dim=1),
        curve=curve,
    )


def _curve(frames: int) -> torch.Tensor:
    return add_given_flag(torch.randn(1, CURVE, frames, generator=torch.Generator().manual_seed(2)))


def test_widening_starts_as_a_no_op_and_then_hears_the_curve() -> None:
    narrow = _model()
    wide = widen_for_curve(narrow, CURVE)
    latents, time = torch.randn(1, CHANNELS, 6), torch.tensor([0.5])
    with torch.no_grad():
        before = predict_velocity(narrow, latents, time, _condition(6))
        after = predict_velocity(wide, latents, time, _condition(6, _curve(6)))
        torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)
        for block in wide.transformer_blocks:
            block.to_local_embed[0].weight[:, -CURVE - 1 :].normal_()
        changed = predict_velocity(wide, latents, time, _condition(6, _curve(6)))
    assert (changed - before).abs().max() > 1e-3


def test_guidance_is_the_stated_combination() -> None:
    model = widen_for_curve(_model(), CURVE)
    with torch.no_grad():
        for block in model.transformer_blocks:
            block.to_local_embed[0].weight[:, -CURVE - 1 :].normal_()
        latents, time = torch.randn(1, CHANNELS, 6), torch.tensor([0.3])
        full, empty = _condition(6, _curve(6)), _condition(6, _curve(6), prompted=False)
        nothing = predict_velocity(model, latents, time, empty.without_curve())
        text = predict_velocity(model, latents, time, full.without_curve())
        both = predict_velocity(model, latents, time, full)
        guided = guided_velocity(model, latents, time, full, empty, Guidance(2.5, 3.0))
        torch.testing.assert_close(guided, nothing + 2.5 * (text - nothing) + 3 * (both - text), atol=1e-4, rtol=1e-4)
        plain = guided_velocity(model, latents, time, full, empty, Guidance(1.0, 1.0))
        torch.testing.assert_close(plain, both, atol=1e-4, rtol=1e-4)
        deaf = guided_velocity(model, latents, time, full, empty, Guidance(1.0, 0.0))
        torch.testing.assert_close(deaf, text, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("guidance", "with_curve", "passes"),
    [((2.5, 3.0), True, 3), ((2.0, 2.0), True, 2), ((1.0, 3.0), True, 2), ((1.0, 1.0), True, 1), ((1.0, 0.0), True, 1),
     ((4.0, 3.0), False, 2), ((1.0, 3.0), False, 1)],
)  # fmt: skip
def test_no_pass_is_made_whose_factor_is_zero(guidance: tuple[float, float], with_curve: bool, passes: int) -> None:
    full = _condition(6, _curve(6) if with_curve else None)
    variants, factors = guided_variants(full, full, Guidance(*guidance))
    assert len(variants) == len(factors) == passes
    assert sum(factors) == pytest.approx(1)


@pytest.mark.parametrize(("frames", "window", "overlap"), [(5, 8, 2), (8, 8, 2), (9, 8, 2), (100, 48, 16), (31, 10, 4)])
def test_windows_cover_everything_and_overlap(frames: int, window: int, overlap: int) -> None:
    starts = overlapping_starts(frames, window, overlap)
    assert starts[0] == 0
    assert starts[-1] + min(window, frames) == frames
    for first, second in itertools.pairwise(starts):
        assert first < second
        assert first + window - second >= overlap


def _generated(frames: int, window: int, seed: int = 5) -> torch.Tensor:
    return generate(
        widen_for_curve(_model(), CURVE), _condition(frames, _curve(frames)),
        _condition(frames, _curve(frames), prompted=False), Guidance(), frames=frames,
        sigmas=even_sigmas(4), generators=[torch.Generator().manual_seed(seed)], window=window, overlap=3,
    )  # fmt: skip


def test_generation_is_reproducible_and_reports_progress() -> None:
    seen: list[float] = []
    first = generate(
        _model(), _condition(6), _condition(6, prompted=False), Guidance(), frames=6, sigmas=even_sigmas(4),
        generators=[torch.Generator().manual_seed(5)], window=8, overlap=2, progress=seen.append,
    )  # fmt: skip
    assert first.shape == (1, CHANNELS, 6)
    assert seen == [0.0, 0.25, 0.5, 0.75, 1.0]
    torch.testing.assert_close(_generated(12, 12), _generated(12, 12))
    assert not torch.equal(_generated(12, 12), _generated(12, 12, seed=6))


def test_one_euler_step_of_a_straight_flow_lands_on_the_data() -> None:
    """With the velocity noise - data everywhere, the sampler must end at the data, whatever the steps."""

    class Straight(torch.nn.Module):
        config = {"io_channels": CHANNELS}  # noqa: RUF012

        def forward(self, latents: torch.Tensor, time: torch.Tensor, **_: object) -> tuple[torch.Tensor]:
            at = time[:, None, None]
            return ((latents - 2.0) / at,)  # x_t = data + t (noise - data)

    for frames in (4, 21):  # one window, and several that overlap
        out = generate(
            Straight(), _condition(frames), _condition(frames, prompted=False), Guidance(), frames=frames,
            sigmas=even_sigmas(7), generators=[torch.Generator().manual_seed(0)], window=8, overlap=2,
        )  # fmt: skip
        torch.testing.assert_close(out, torch.full((1, CHANNELS, frames), 2.0), atol=1e-4, rtol=1e-4)
