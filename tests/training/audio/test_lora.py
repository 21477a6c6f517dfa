"""Adapters: where they sit, what is trained, and what is left of them when they are merged."""

import copy
import re

import pytest
import torch
from diffusers import StableAudio3DiTModel

from model_core.flow.conditioning import widen_for_curve
from model_core.training.audio.weights import Average, choose_trained, merge_trained
from tests.stable_audio.tiny_base import LATENTS, WIDTH, tiny_pipeline

LINEARS = {"self_attn.to_qkv", "self_attn.to_out", "cross_attn.to_q", "cross_attn.to_kv", "cross_attn.to_out",
           "ff.proj_in", "ff.proj_out"}  # fmt: skip


@pytest.fixture
def base() -> StableAudio3DiTModel:
    return widen_for_curve(tiny_pipeline().transformer, 1)


def _played(model: StableAudio3DiTModel) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    with torch.no_grad():
        made: torch.Tensor = model(
            drawn(2, LATENTS, 9), torch.tensor([0.3, 0.8]), encoder_hidden_states=drawn(2, 5, WIDTH),
            global_hidden_states=drawn(2, WIDTH), local_add_cond=drawn(2, 1 + LATENTS + 2, 9), return_dict=False,
        )[0]  # fmt: skip
    return made


def _shaken(trained: dict[str, torch.nn.Parameter]) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    for weight in trained.values():
        weight.data += 0.1 * torch.randn(weight.shape, generator=generator)
    return {name: weight.detach().clone() for name, weight in trained.items()}


def test_attention_and_feed_forward_are_adapted_and_the_local_input_is_trained_in_full(
    base: StableAudio3DiTModel,
) -> None:
    trained = choose_trained(base, 4, torch.bfloat16)
    adapted = {
        re.sub(r"transformer_blocks\.\d\.", "", name.partition(".lora_")[0]) for name in trained if "lora" in name
    }
    assert adapted == LINEARS
    whole = {name for name in trained if "lora" not in name}
    assert len(whole) == 2 * 4
    assert all("to_local_embed" in name for name in whole)
    assert {weight.dtype for weight in trained.values()} == {torch.float32}
    frozen = {name: weight for name, weight in base.named_parameters() if name not in trained}
    assert {weight.dtype for weight in frozen.values()} == {torch.bfloat16}
    assert not any(weight.requires_grad for weight in frozen.values())
    assert base.rotary_pos_emb.inv_freq.dtype is torch.float32


def test_new_adapters_change_nothing(base: StableAudio3DiTModel) -> None:
    before = _played(base)
    choose_trained(base, 4, torch.float32)
    torch.testing.assert_close(_played(base), before)


def test_merged_weights_play_what_the_adapters_played(base: StableAudio3DiTModel) -> None:
    adapted = copy.deepcopy(base)
    trained = _shaken(choose_trained(adapted, 4, torch.float32))
    played, before = _played(adapted), base.state_dict()
    merged = merge_trained(copy.deepcopy(base), 4, trained)
    assert type(merged) is StableAudio3DiTModel
    torch.testing.assert_close(_played(merged), played, atol=1e-4, rtol=1e-4)
    assert (played - _played(base)).abs().max() > 0.1
    after = merged.state_dict()
    assert after.keys() == before.keys()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    expected = {
        name
        for name in before
        if "to_local_embed" in name or (name.startswith("transformer_blocks") and name.split(".", 2)[2][:-7] in LINEARS)
    }
    assert changed == expected


def test_rank_0_trains_all_weights(base: StableAudio3DiTModel) -> None:
    model = copy.deepcopy(base)
    trained = choose_trained(model, 0, torch.bfloat16)
    assert trained.keys() == dict(base.named_parameters()).keys()
    assert all(weight.requires_grad and weight.dtype is torch.float32 for weight in trained.values())
    torch.testing.assert_close(_played(merge_trained(base, 0, _shaken(trained))), _played(model))


def test_the_average_follows_and_takes_the_weights_place_for_a_while() -> None:
    weights = [torch.nn.Parameter(torch.tensor([1.0, 2.0])), torch.nn.Parameter(torch.tensor([3.0]))]
    average = Average(weights)
    assert not any(weight.requires_grad for weight in average)
    expected = [weight.detach().clone() for weight in weights]
    for step in (0, 1, 5000):
        for weight in weights:
            weight.data += 1
        average.update(step)
        decay = min(0.999, (1 + step) / (10 + step))
        expected = [decay * old + (1 - decay) * new.detach() for old, new in zip(expected, weights, strict=True)]
    for ours, theirs in zip(average, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    trained, averaged = ([tensor.detach().clone() for tensor in of] for of in (weights, average))
    with pytest.raises(ZeroDivisionError), average.in_place():  # noqa: PT012 - the block is what is tested
        for weight, kept in zip(weights, averaged, strict=True):
            assert torch.equal(weight, kept)
        raise ZeroDivisionError
    for weight, kept in zip([*weights, *average], [*trained, *averaged], strict=True):
        assert torch.equal(weight, kept)
    fresh = Average([torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1))])
    fresh.load_state_dict(average.state_dict())
    assert [value.tolist() for value in fresh] == [value.tolist() for value in average]
