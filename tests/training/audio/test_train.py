"""What a step does, and what the loop asks of several processes."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from model_core.errors import InputError
from model_core.flow.conditioning import Condition
from model_core.models.stable_audio.folder import StableAudioParts
from model_core.training.audio.examples import Reader, create_rng, draw
from model_core.training.audio.train import FULL_RATE, LORA_RATE, FineTuneSettings, FineTuning
from model_core.training.audio.validation import FollowingCheck, Validation, spread_crops
from model_core.training.audio.weights import choose_trained
from model_core.training.loop import Limit, Run, StoppedError, carry_out
from model_core.training.optimization import compute_flow_losses
from tests.stable_audio.tiny_model import loaded
from tests.training.audio.made_tracks import made_track, states
from tests.training.test_loop import Line

FRAMES = 20
SECONDS = 1.85  # 20 frames
QUIET: Callable[[str], None] = lambda line: None  # noqa: E731 - a typed one


class Ears(FollowingCheck):
    """Counts how often somebody listens."""

    def __init__(self) -> None:
        self.times = 0

    def figures(self) -> dict[str, float]:
        self.times += 1
        return {"r": 0.0}


@pytest.fixture
def make(model: Path, tmp_path: Path) -> Callable[..., FineTuning]:
    whole: StableAudioParts = loaded(model)
    reader = Reader(whole, states(0), torch.device("cpu"))
    pool = reader.pool([made_track(tmp_path, number, 45) for number in range(3)])

    def make(ears: Ears | None = None, rank: int = 0, **settings: int | float) -> FineTuning:
        torch.manual_seed(0)
        trained = choose_trained(whole.transformer, rank, torch.float32)
        made = FineTuneSettings(seconds=SECONDS, lora=rank, **settings)  # type: ignore[arg-type]
        validation = Validation(spread_crops(pool, FRAMES, 3, 0), reader, 2)
        return FineTuning(whole.transformer, trained, pool, reader, made, 5, Accelerator(), validation, ears)

    return make


def test_the_loss_counts_the_frames_that_are_to_be_generated() -> None:
    clean, noise = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    unknown = torch.tensor([[True, True, True, True], [True, False, False, True]])
    condition = Condition(torch.zeros(2, 1, 1), torch.ones(2, 1, dtype=torch.bool), torch.zeros(2, 1), None, None)
    seen = []

    class Zero(torch.nn.Module):
        def forward(self, noisy: torch.Tensor, time: torch.Tensor, **_: object) -> tuple[torch.Tensor]:
            seen.append((noisy, time))
            return (torch.zeros_like(noisy),)

    time = torch.tensor([0.25, 1.0])
    losses = compute_flow_losses(Zero(), clean, condition, unknown, time, noise)
    square = (noise - clean).square()
    torch.testing.assert_close(losses[0], square[0].mean())
    torch.testing.assert_close(losses[1], square[1][:, [0, 3]].mean())
    torch.testing.assert_close(seen[0][0][0], 0.75 * clean[0] + 0.25 * noise[0])
    torch.testing.assert_close(seen[0][0][1], noise[1])


def test_a_step_is_the_mean_of_its_batches(make: Callable[..., FineTuning]) -> None:
    training = make(batch=2, accumulate=3, learning_rate=1e-2)
    before = {name: weight.detach().clone() for name, weight in training._transformer.named_parameters()}
    loss = training.step(0, 0.0)
    after = {name: weight.detach().clone() for name, weight in training._transformer.named_parameters()}
    assert any(not torch.equal(before[name], after[name]) for name in before)

    with torch.no_grad():
        for name, weight in training._transformer.named_parameters():
            weight.copy_(before[name])
    rng = create_rng(5, 0, 0)
    losses = []
    for _ in range(3):
        batch = draw(training._pool, training._reader, 2, FRAMES, rng)
        parts = batch.clean, batch.condition, batch.unknown, batch.time, batch.noise
        losses.append(compute_flow_losses(training._transformer, *parts).mean())
    torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
    assert loss == pytest.approx(torch.stack(losses).mean().item(), rel=1e-5)
    weights = list(training._transformer.parameters())
    norm = torch.nn.utils.clip_grad_norm_(weights, 1.0)
    assert norm > 1, "the gradient is clipped"
    groups = [{"params": [weight], "lr": 1e-2 / 60 * (2 if "to_local_embed" in name else 1)}
              for name, weight in training._transformer.named_parameters()]  # fmt: skip
    torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.0).step()
    for name, weight in training._transformer.named_parameters():
        torch.testing.assert_close(weight.detach(), after[name], atol=2e-5, rtol=1e-3)


def test_a_gradient_that_is_not_finite_is_never_stepped_into_the_weights(make: Callable[..., FineTuning]) -> None:
    training = make(batch=2)
    training.step(0, 0.0)
    kept = [weight.detach().clone() for weight in (*training._parameters, *training.average)]
    training._parameters[0].register_hook(lambda gradient: gradient * torch.inf)  # type: ignore[no-untyped-call]
    with pytest.raises(InputError, match="at step 1 the loss or its gradient is not finite"):
        training.step(1, 0.1)
    for weight, before in zip((*training._parameters, *training.average), kept, strict=True):
        assert torch.equal(weight, before)


def test_plain_text_to_audio_leaves_the_local_input_as_it_is(make: Callable[..., FineTuning]) -> None:
    training = make(batch=2, rank=2)
    plain = next(
        batch
        for step in range(200)
        if (batch := draw(training._pool, training._reader, 2, FRAMES, create_rng(0, 0, step))).condition.local is None
    )
    training._loss(plain).backward()  # type: ignore[no-untyped-call]
    for name, weight in training._transformer.named_parameters():
        if weight.requires_grad:
            assert weight.grad is not None, "averaging over processes needs a gradient of every weight"
        if "to_local_embed" in name:
            assert weight.grad is not None
            assert not weight.grad.any()


def test_figures_are_of_the_average_and_leave_the_weights_alone(make: Callable[..., FineTuning]) -> None:
    training = make(batch=2, learning_rate=1e-2, listen_every=0)
    for step in range(3):
        training.step(step, 0.0)
    before = [weight.detach().clone() for weight in training._transformer.parameters()]
    figures = training.held_out()
    assert set(figures) == {"held out", "held out without curve", "held out with it shifted", "gain of time at 0.98"}
    for weight, kept in zip(training._transformer.parameters(), before, strict=True):
        assert torch.equal(weight, kept)
    with training.average.in_place():
        ours = training._validation.losses(training._transformer).means()
    assert figures == ours
    assert figures != training._validation.losses(training._transformer).means()


@pytest.mark.parametrize(("every", "expected"), [(10, [1, 13]), (2, [1, 5, 9, 13]), (4, [1, 5, 9, 13]), (0, [])])
def test_somebody_listens_now_and_then(every: int, expected: list[int], make: Callable[..., FineTuning]) -> None:
    ears = Ears()
    training = make(ears if every else None, batch=1, listen_every=every, validate_every=4)
    heard = []
    for step in range(14):
        training._done = step + 1
        if step % training.log_every == 0:
            before = ears.times
            figures = training.held_out()
            if ears.times > before:
                heard.append(step + 1)
                assert "r" in figures
    assert heard == expected


def test_checkpointing_changes_no_gradient(make: Callable[..., FineTuning]) -> None:
    plain, saving = make(batch=2, rank=0), make(batch=2, rank=0)
    before = [weight.detach().clone() for weight in plain._transformer.parameters()]
    plain.step(0, 0.0)
    once = [weight.detach().clone() for weight in plain._transformer.parameters()]
    with torch.no_grad():
        for weight, kept in zip(saving._transformer.parameters(), before, strict=True):
            weight.copy_(kept)
    saving._transformer.enable_gradient_checkpointing()
    saving.step(0, 0.0)
    for weight, expected in zip(saving._transformer.parameters(), once, strict=True):
        torch.testing.assert_close(weight.detach(), expected)


def test_all_weights_learn_slower_than_adapters_unless_told() -> None:
    assert FineTuneSettings().rate == LORA_RATE
    assert FineTuneSettings(lora=0).rate == FULL_RATE
    assert FineTuneSettings(lora=0, learning_rate=0.5).rate == 0.5


def test_of_several_processes_one_keeps_the_checkpoint_and_all_stop_as_one(tmp_path: Path) -> None:
    run = Run("line", Limit(steps=20), 0, tmp_path / "line.pt", {}, 0.0, None, QUIET)
    silent = Line()
    carry_out(silent, Run(**{**vars(run), "keeps": False}))
    assert not (tmp_path / "line.pt").exists()
    assert len(silent.steps) == 20
    asked: list[bool] = []

    def agreed(stop: bool) -> bool:
        asked.append(stop)
        return len(asked) > 5  # another process was told to stop

    other = Line()
    with pytest.raises(StoppedError):
        carry_out(other, Run(**{**vars(run), "agreed": agreed}))
    assert (len(other.steps), asked) == (5, [False] * 6)

    stubborn = Line(lambda step: os.kill(os.getpid(), signal.SIGTERM) if step == 7 else None)
    carry_out(stubborn, Run(**{**vars(run), "agreed": lambda stop: False}))
    assert stubborn.steps == list(range(5, 20)), "it goes on from where the other one stopped, as long as all do"


def test_several_figures_are_logged_by_name(tmp_path: Path) -> None:
    class Many(Line):
        def held_out(self) -> dict[str, float]:  # type: ignore[override]
            return {"held out": 1.0, "r": 0.5}

    lines: list[str] = []
    carry_out(Many(), Run("line", Limit(steps=1), say=lines.append))
    assert "held out 1  r 0.5  learning rate" in lines[0]


def test_random_numbers_of_the_loop_are_not_used(make: Callable[..., FineTuning]) -> None:
    training = make(batch=2)
    state = training.rng.bit_generator.state
    torch_state = torch.get_rng_state()
    training.step(3, 0.1)
    training.held_out()
    assert training.rng.bit_generator.state == state
    assert torch.equal(torch.get_rng_state(), torch_state)
