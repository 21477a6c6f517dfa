"""Progress output of a training stage: lines for a person, and the same figures as TensorBoard event files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from tensorboardX import SummaryWriter


class Journal:
    """One stage's log: ``FOLDER/STAGE.log``, and event files in ``FOLDER/STAGE/``; without a folder, lines alone."""

    def __init__(self, folder: Path | None, stage: str, say: Callable[[str], None], first_step: int = 0) -> None:
        """``first_step``: where the run goes on; what TensorBoard knows of later steps is of a run that was cut off."""
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
        """One line on the screen and in the log file."""
        self._say(f"{self._stage}: {text}")
        if self._text is not None:
            print(text, file=self._text, flush=True)

    def figures(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """The figures of a step, ``seconds`` of training into the stage."""
        told = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        self.line(f"step {step}  {told}  ({seconds:.0f} s)")
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


def forget(folder: Path, stage: str) -> None:
    """Remove a stage's older logs, for a run from the start."""
    (folder / f"{stage}.log").unlink(missing_ok=True)
    for path in (folder / stage).glob("events.out.tfevents.*"):
        path.unlink()
