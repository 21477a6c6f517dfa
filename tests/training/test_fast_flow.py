"""The faster forward pass of the flow's training gives what diffusers' model gives."""

from dataclasses import replace

import pytest
import torch
from diffusers import StableAudio3DiTModel

from model_core.flow.conditioning import Condition, add_given_flag, inpainting_channels
from model_core.training.fast_flow import FastFlow
from model_core.training.optimization import compute_flow_losses
from model_core.training.train_flow import add_curve_input, frame_weights, new_model

FRAMES = 12


@pytest.fixture
def model() -> StableAudio3DiTModel:
    """A flow in which nothing is zero."""
    torch.manual_seed(0)
    model = add_curve_input(new_model(8, 128, 2))
    for parameter in model.parameters():
        parameter.data += 0.03 * torch.randn_like(parameter)
    return model


@pytest.fixture
def condition(model: StableAudio3DiTModel) -> Condition:
    """Captions of no, some and the most words."""
    torch.manual_seed(1)
    latents = torch.randn(3, 16, FRAMES)
    keep = torch.arange(FRAMES)[None] < torch.tensor([[0], [3], [6]])
    given = 1 + 16 + 9
    grid = torch.randn(3, model.config["local_add_cond_dim"] - given, FRAMES)
    return Condition(
        text=torch.randn(3, 32, 384),
        text_mask=torch.arange(32)[None] < torch.tensor([[0], [7], [32]]),
        global_vector=torch.randn(3, model.config["global_cond_dim"]),
        local=torch.cat([inpainting_channels(latents, keep), grid], dim=1),
        curve=add_given_flag(torch.rand(3, 8, FRAMES)),
    )


def _trained(model: StableAudio3DiTModel, called: torch.nn.Module, condition: Condition) -> tuple[float, torch.Tensor]:
    """The loss and all gradients of a step."""
    torch.manual_seed(2)
    clean, noise = torch.randn(2, 3, 16, FRAMES)
    assert condition.local is not None
    weights = frame_weights(condition.local[:, 0] == 0, condition.curve)
    model.zero_grad()
    loss = compute_flow_losses(called, clean, condition, weights, torch.tensor([0.1, 0.5, 0.9]), noise).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad.flatten().double() for parameter in model.parameters() if parameter.grad is not None]
    assert len(gradients) == len(list(model.parameters()))
    return loss.item(), torch.cat(gradients)


def test_loss_and_gradients_are_those_of_the_plain_model(model: StableAudio3DiTModel, condition: Condition) -> None:
    """As near to the plain model in float32 as that is under autocast."""
    exact, exact_gradient = _trained(model, model, condition)
    fast, fast_gradient = _trained(model, FastFlow(model), condition)
    with torch.autocast("cpu", torch.bfloat16):
        low, low_gradient = _trained(model, model, condition)
    assert fast == pytest.approx(exact, rel=1e-2)
    assert low == pytest.approx(exact, rel=1e-2)
    error, usual = ((found - exact_gradient).norm() / exact_gradient.norm() for found in (fast_gradient, low_gradient))
    assert error < 1.2 * usual < 0.1


def test_every_condition_is_heard(model: StableAudio3DiTModel, condition: Condition) -> None:
    fast = FastFlow(model)
    torch.manual_seed(3)
    latents, time = torch.randn(3, 16, FRAMES), torch.tensor([0.2, 0.5, 0.8])

    def velocity(of: Condition) -> torch.Tensor:
        given = of.text, of.global_vector, of.text_mask, of.local_add_cond
        with torch.no_grad():
            found: torch.Tensor = fast(latents, time, *given)[0]
        return found

    before = velocity(condition)
    unheard = condition.text.clone()
    unheard[1, 7:] = 9.0
    torch.testing.assert_close(velocity(replace(condition, text=unheard)), before)
    other = condition.text.clone()
    other[1, 6] = 9.0
    changed = (velocity(replace(condition, text=other)) - before).abs().amax(dim=(1, 2))
    assert (changed > 0).tolist() == [False, True, False]
    assert not torch.equal(velocity(condition.without_curve()), before)
    assert not torch.equal(velocity(replace(condition, global_vector=-condition.global_vector)), before)


def test_other_kinds_of_models_are_refused() -> None:
    model = new_model(8, 128, 1)
    model.register_to_config(use_differential_attention=True)
    with pytest.raises(ValueError, match="differential attention"):
        FastFlow(model)
