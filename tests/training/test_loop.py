"""The loop that all stages share, on a line fitted to noise: limits, checkpoints, signals and the journal."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model_core.errors import InputError
from model_core.training.checkpoints import read_progress
from model_core.training.loop import Limit, Run, StoppedError, carry_out
from model_core.training.optimization import hold_then_fall, one_cycle, set_one_cycle
from tests.training.event_files import scalars


class Line:
    """A trainee whose steps depend on its weights, its optimiser and both kinds of random numbers."""

    log_every = 4

    def __init__(self, before_step: Callable[[int], None] = lambda step: None) -> None:
        torch.manual_seed(0)
        self.rng = np.random.default_rng(0)
        self.line = torch.nn.Linear(3, 1)
        self.adam = torch.optim.AdamW(self.line.parameters(), 0.1)
        self.modules: dict[str, torch.nn.Module] = {"line": self.line}
        self.optimizers: list[torch.optim.Optimizer] = [self.adam]
        self.steps: list[int] = []
        self._before_step = before_step

    def step(self, step: int, share: float) -> float:
        self._before_step(step)
        self.steps.append(step)
        set_one_cycle(self.adam, 0.1, share)
        given = torch.from_numpy(self.rng.normal(size=(8, 3))).float()
        loss: torch.Tensor = (self.line(given) - given.sum(dim=1, keepdim=True) + torch.randn(8, 1)).square().mean()
        self.adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.adam.step()
        return loss.item()

    def held_out(self) -> float:
        with torch.no_grad():
            return float((self.line.weight - 1).square().sum())

    @property
    def weights(self) -> list[float]:
        return [float(value) for parameter in self.line.parameters() for value in parameter.detach().flatten()]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    quiet: Callable[[str], None] = lambda line: None  # noqa: E731 - a typed one
    return Run(
        "line", Limit(steps=20), 0, tmp_path / "state" / "line.pt", {"of": "noise"}, 0.0, tmp_path / "logs", quiet
    )


class _Crash(Exception):  # noqa: N818 - a power cut
    pass


def _crash_at(number: int) -> Callable[[int], None]:
    def before_step(step: int) -> None:
        if step == number:
            raise _Crash

    return before_step


def test_a_crash_costs_nothing_but_time(run: Run) -> None:
    whole = Line()
    carry_out(whole, replace(run, checkpoint=None, logs=None))
    with pytest.raises(_Crash):
        carry_out(Line(_crash_at(9)), run)
    torch.manual_seed(99)
    rest = Line()
    carry_out(rest, run)
    assert rest.steps == list(range(9, 20))
    assert rest.weights == whole.weights


def test_what_was_not_saved_is_done_again(run: Run) -> None:
    whole = Line()
    carry_out(whole, replace(run, checkpoint=None, logs=None))
    seldom = replace(run, save_every_s=1000.0)
    with pytest.raises(_Crash):
        carry_out(Line(_crash_at(9)), seldom)
    rest = Line()
    carry_out(rest, seldom)
    assert rest.steps == list(range(20))
    assert rest.weights == whole.weights


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_in_good_order(number: signal.Signals, run: Run) -> None:
    handler = signal.getsignal(number)
    whole, rest = Line(), Line()
    carry_out(whole, replace(run, checkpoint=None, logs=None))
    seldom = replace(run, save_every_s=1000.0)
    stopped = Line(lambda step: os.kill(os.getpid(), number) if step == 6 else None)
    with pytest.raises(StoppedError):
        carry_out(stopped, seldom)
    assert stopped.steps == list(range(7))
    assert signal.getsignal(number) is handler
    carry_out(rest, seldom)
    assert rest.steps == list(range(7, 20))
    assert rest.weights == whole.weights


class Clock:
    """Stands for the module `time`: each step takes a second."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def step(self, _step: int) -> None:
        self.seconds += 1

    def monotonic(self) -> float:
        return self.seconds


def test_minutes_spent_before_a_kill_count(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("model_core.training.loop.time", clock)
    first, again = Line(clock.step), Line(clock.step)
    carry_out(first, replace(run, limit=Limit(seconds=30)))
    assert run.checkpoint is not None
    spent = read_progress(run.checkpoint, run.made_of)
    assert (spent.seconds, spent.step, len(first.steps)) == (30, 30, 30)
    clock.seconds += 1000
    carry_out(again, replace(run, limit=Limit(seconds=30)))
    assert again.steps == []
    carry_out(again, replace(run, limit=Limit(seconds=32)))
    assert again.steps == [30, 31]


def test_a_checkpoint_of_another_run_is_refused(run: Run) -> None:
    carry_out(Line(), run)
    with pytest.raises(InputError, match="made with of noise, not music; begin again with --fresh"):
        carry_out(Line(), replace(run, made_of={"of": "music"}))
    assert run.checkpoint is not None
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:-100])
    with pytest.raises(InputError, match="cannot be read"):
        carry_out(Line(), run)


def test_the_journal_tells_every_figure_in_both_forms(run: Run) -> None:
    assert run.logs is not None
    carry_out(Line(), run)
    told = scalars(run.logs / "line")
    assert set(told) == {"loss", "held_out", "learning_rate", "steps/s"}
    assert [step for step, _ in told["loss"]] == [1, 5, 9, 13, 17, 20]
    assert told["held_out"][-1][1] < told["held_out"][0][1]
    assert all(value > 0 for _, value in told["steps/s"])
    lines = (run.logs / "line.log").read_text().splitlines()
    assert len(lines) == 7
    assert lines[-1] == "done after 20 steps"
    assert all(f"{name} " in lines[2] for name in ("step", "loss", "held out", "learning rate", "steps/s"))


def test_one_cycle_is_the_known_one() -> None:
    steps = 400
    parameter = torch.nn.Parameter(torch.zeros(1))
    known, ours = (torch.optim.AdamW([parameter], 2e-3, betas=(0.9, 0.98)) for _ in range(2))
    schedule = torch.optim.lr_scheduler.OneCycleLR(known, 2e-3, total_steps=steps, pct_start=0.05)
    for step in range(steps):
        set_one_cycle(ours, 2e-3, step / (steps - 1), rise=0.05)
        theirs, mine = known.param_groups[0], ours.param_groups[0]
        assert mine["lr"] == pytest.approx(theirs["lr"], abs=2e-4)
        assert mine["betas"] == pytest.approx(theirs["betas"], abs=0.01)
        known.step()
        if step < steps - 1:
            schedule.step()
    assert one_cycle(0.3)[0] == pytest.approx(1)


def test_the_flows_rate_holds_and_then_falls() -> None:
    assert hold_then_fall(0, 0.0) == pytest.approx(1 / 60)
    assert hold_then_fall(500, 0.5) == 1
    assert hold_then_fall(500, 0.775) == pytest.approx(0.5)
    assert hold_then_fall(500, 1.0) == pytest.approx(0.02)
