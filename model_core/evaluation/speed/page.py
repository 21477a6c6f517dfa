"""The page docs/benchmarks.md: page.md with the tables filled in, or with what can be said without a GPU."""

from collections.abc import Sequence
from pathlib import Path
from string import Template

from model_core.evaluation.speed.cells import Result, cells_of
from model_core.evaluation.speed.floors import Floor, floor_of
from model_core.evaluation.speed.record import Run
from model_core.evaluation.speed.sizes import MEDIUM, SMALL, Size
from model_core.evaluation.speed.table import (
    Floors,
    duration,
    failures,
    floors_table,
    scores_table,
    stages_table,
)
from model_core.evaluation.speed.ways import COMPILED


def page(run: Run, results: Sequence[Result], sizes: Sequence[Size]) -> str:
    """Markdown. Without results it says that nothing was measured, and gives the floors alone."""
    return _template("page").substitute(
        command=run.command,
        date=run.date,
        measured=(_measured(run, results, sizes) if results else _template("unmeasured").template).strip(),
        distilled=MEDIUM.distilled_steps,
        base=MEDIUM.base_steps,
        small_s=f"{SMALL.windows.longest_s:g}",
        card=_card(run),
        floors="\n".join(floors_table(sizes, floors_of(run))),
    )


def floors_of(run: Run) -> Floors:
    """The floors on a run's card."""

    def floor(size: Size, stage: str, seconds: float, batch: int) -> Floor:
        return floor_of(size, stage, seconds, batch, run.card, run.dtype)

    return floor


def _measured(run: Run, results: Sequence[Result], sizes: Sequence[Size]) -> str:
    first = [result.taken.first_s for result in results if result.taken and result.cell.way == COMPILED]
    cells = sum(1 for _ in cells_of(sizes))
    cut_off = f" The run was cut off after {len(results)} of its {cells} cells." if len(results) < cells else ""
    return _template("measured").substitute(
        early=cut_off,
        name=run.card.name,
        precision=run.precision,
        versions=", ".join(f"{name} {version}" for name, version in run.versions.items()),
        scores="\n".join(scores_table(results)),
        stages="\n".join([*stages_table(results, floors_of(run)), *failures(results)]),
        compiling=f" The first run of a compiled model took up to {duration(max(first))}." if first else "",
    )


def _card(run: Run) -> str:
    card = run.card
    told = (
        f"{card.name}: {card.operations / 1e12:.4g} T operations a second in {run.precision}, "
        f"{card.bandwidth / 1e12:.3g} TB/s ({card.source})."
    )
    if card.reached is None:
        return told
    operations, bandwidth = card.reached
    reached = f"one large product reached {operations / 1e12:.4g} T, one large copy {bandwidth / 1e12:.3g} TB/s"
    return f"{told} In this run {reached}."


def _template(name: str) -> Template:
    return Template(Path(__file__).with_name(f"{name}.md").read_text())
