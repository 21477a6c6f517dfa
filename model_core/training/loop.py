"""The loop of every stage: steps until the limit, checkpoints, and a journal. Each stage defines its own step."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final, Protocol, Self, TextIO

import numpy as np
import torch
from tensorboardX import SummaryWriter

from model_core.training.checkpoints import Progress, load_checkpoint, save_checkpoint

_MEMORY: Final = 0.98  # of the running mean of the loss


class Journal:
    """One stage's log: ``FOLDER/STAGE.log``, and event files in ``FOLDER/STAGE/``; without a folder, lines alone."""

    def __init__(self, folder: Path | None, stage: str, say: Callable[[str], None], first_step: int = 0) -> None:
        """``first_step``: first step of this run; later steps in TensorBoard's files are of a run that was cut off."""
        self._stage = stage
        self._say = say
        self._folder = folder
        self._purge_step = first_step + 1 if first_step else None
        self._events: SummaryWriter | None = None
        self._text: TextIO | None = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._text = (folder / f"{stage}.log").open("a")

    def line(self, text: str) -> None:
        """Write one line to the screen and the log file."""
        self._say(f"{self._stage}: {text}")
        if self._text is not None:
            print(text, file=self._text, flush=True)

    def figures(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Write the figures of a step, ``seconds`` of training into the stage."""
        logged = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        self.line(f"step {step}  {logged}  ({seconds:.0f} s)")
        if self._folder is None:
            return
        if self._events is None:
            self._events = SummaryWriter(str(self._folder / self._stage), purge_step=self._purge_step)
        for name, value in values.items():
            self._events.add_scalar(name.replace(" ", "_"), value, step)
        self._events.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._text is not None:
            self._text.close()
        if self._events is not None:
            self._events.close()


def remove_logs(folder: Path, stage: str) -> None:
    """Remove a stage's older logs, for a run from the start."""
    (folder / f"{stage}.log").unlink(missing_ok=True)
    for path in (folder / stage).glob("events.out.tfevents.*"):
        path.unlink()


class StoppedError(Exception):
    """Ctrl-C or SIGTERM came; the checkpoint has been written."""


@dataclass(frozen=True)
class Limit:
    """Limit of a stage: steps, or seconds of wall time including those before a kill; the first one reached counts."""

    steps: int | None = None
    seconds: float | None = None

    def share(self, step: int, seconds: float) -> float:
        """Share of the stage that is done, 0..1."""
        by_steps = 0.0 if self.steps is None else step / self.steps
        by_time = 0.0 if self.seconds is None else seconds / self.seconds
        return min(1.0, max(by_steps, by_time))


@dataclass(frozen=True)
class Run:
    """Settings of one run of a stage.

    Attributes:
        stage: its name, for logs.
        limit: end of the run.
        seed: of everything random.
        checkpoint: file of its state, from which it resumes if there is one. None writes none.
        made_of: description of the stage's inputs; a checkpoint of other inputs is refused.
        save_every_s: seconds between checkpoints.
        logs: folder of the journal; None writes none.
        say: prints a line.
        keeps: True when this process writes the checkpoint; of several that train together one does, and all read it.
        agreed: called with this process's wish to stop; returns the decision of all that train together.
        first_step: number of the first step where there is no checkpoint, for a model that was trained before.
        begins: called with the number of steps done when the training begins; its exceptions end the training.
    """

    stage: str
    limit: Limit
    seed: int = 0
    checkpoint: Path | None = None
    made_of: Mapping[str, Any] = field(default_factory=dict)
    save_every_s: float = 180.0
    logs: Path | None = None
    say: Callable[[str], None] = print
    keeps: bool = True
    agreed: Callable[[bool], bool] = lambda stop: stop
    first_step: int = 0
    begins: Callable[[int], None] = lambda step: None


class Trainee(Protocol):
    """State and step of a stage: all that changes between steps is in these three, and in torch's random numbers."""

    modules: dict[str, torch.nn.Module]
    optimizers: list[torch.optim.Optimizer]
    rng: np.random.Generator
    log_every: int

    def step(self, step: int, share: float) -> float:
        """Do step number ``step`` with ``share`` of the stage done; returns its loss."""
        ...

    def held_out(self) -> float | Mapping[str, float]:
        """Loss on held-out data, or several figures by name; draws no random numbers that a step would."""
        ...


def carry_out(trainee: Trainee, run: Run) -> None:
    """Train until the limit, from the checkpoint if there is one.

    Raises:
        InputError: the checkpoint is damaged or of another run.
        StoppedError: a signal came; the same call resumes later.
    """
    progress = Progress(step=run.first_step)
    if run.checkpoint is not None and run.checkpoint.exists():
        progress = load_checkpoint(run.checkpoint, run.made_of, trainee.modules, trainee.optimizers, trainee.rng)
    run.begins(progress.step)

    def save() -> None:
        if run.checkpoint is not None and run.keeps:
            parts = trainee.modules, trainee.optimizers, trainee.rng
            save_checkpoint(run.checkpoint, run.made_of, progress, *parts)

    with _stop_signals() as stop, Journal(run.logs, run.stage, run.say, progress.step) as journal:
        if progress.step:
            journal.line(f"goes on at step {progress.step}")
        start = time.monotonic() - progress.seconds
        saved, logged = time.monotonic(), (progress.step, progress.seconds)
        while (share := run.limit.share(progress.step, progress.seconds)) < 1 and not run.agreed(stop.came):
            loss = trainee.step(progress.step, share)
            progress.loss = loss if progress.loss is None else _MEMORY * progress.loss + (1 - _MEMORY) * loss
            progress.step += 1
            progress.seconds = time.monotonic() - start
            if (progress.step - 1) % trainee.log_every == 0:
                _log_figures(journal, trainee, progress, logged)
                logged = progress.step, progress.seconds
            if time.monotonic() - saved > run.save_every_s:
                save()
                saved = time.monotonic()
        save()
        if share < 1:
            journal.line(f"stopped after {progress.step} steps; the same command goes on from there")
            raise StoppedError
        if progress.step > logged[0]:
            _log_figures(journal, trainee, progress, logged)
        journal.line(f"done after {progress.step} steps")


def _log_figures(journal: Journal, trainee: Trainee, progress: Progress, before: tuple[int, float]) -> None:
    assert progress.loss is not None
    pace = (progress.step - before[0]) / max(progress.seconds - before[1], 1e-9)
    rate = trainee.optimizers[0].param_groups[0]["lr"]
    held_out = trainee.held_out()
    logged = held_out if isinstance(held_out, Mapping) else {"held out": held_out}
    values = {"loss": progress.loss, **logged, "learning rate": rate, "steps/s": pace}
    journal.figures(progress.step, progress.seconds, values)


@dataclass
class _Stop:
    came: bool = False


@contextmanager
def _stop_signals() -> Iterator[_Stop]:
    """Record SIGTERM and the first Ctrl-C, so that the current step is finished; a second Ctrl-C interrupts."""
    stop = _Stop()

    def note(number: int, frame: FrameType | None) -> None:
        stop.came = True
        signal.signal(signal.SIGINT, before[signal.SIGINT])

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, note)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
