"""The page docs/evaluation.md: page.md with the figures filled in."""

from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Final

from model_core.evaluation.curve_judge import OURS, Found, score
from model_core.evaluation.pooling import by_system, rows
from model_core.evaluation.study import Run
from model_core.evaluation.tables import (
    curve_table,
    false_alarms,
    kinds_table,
    nulls_table,
    sizes,
    systems_table,
    trust_table,
)

HARD: Final = ("cut", "footage")


def page(runs: Sequence[Run], found: Sequence[Found], blind: Sequence[str], command: str) -> str:
    """Markdown. `blind` names the systems that know nothing of the events; ours comes first among the runs."""
    table = rows(runs)
    clips = {run.clip for run in runs}
    seeds = len({run.seed for run in runs})
    filled: dict[str, list[str]] = {
        "systems": systems_table(table),
        "hard_systems": systems_table(rows([run for run in runs if run.kind in HARD])),
        "nulls": nulls_table(table),
        "trust": trust_table(table, blind),
        "kinds": kinds_table(by_system(runs)[table[0].system]),
        "hard_cuts": hard_cuts(found),
        "curve": curve_table(found),
        "false_alarms": false_alarms(found),
    }
    template = Template(Path(__file__).with_suffix(".md").read_text())
    return template.substitute(
        {name: "\n".join(lines) for name, lines in filled.items()},
        clips=len(clips),
        events=sum(len(one.clip.events) for one in found if one.detector == OURS and one.clip.name in clips),
        pieces=f"{seeds} piece{'s' if seeds > 1 else ''}",
        command=command,
        sizes=sizes(found),
    )


def hard_cuts(found: Sequence[Found]) -> list[str]:
    """All clips of hard cuts together, at 40 ms."""
    lines = []
    for detector in dict.fromkeys(one.detector for one in found):
        mine = [one for one in found if one.detector == detector and one.clip.kind in HARD]
        if mine:
            cuts = score(mine, 0.04)
            counts = f"{cuts.hits} of {cuts.events} cuts, {cuts.found} found"
            interval = f"[{cuts.low:.3f}, {cuts.high:.3f}]"
            lines.append(f"- Hard cuts within 40 ms, {detector}: F1 **{cuts.f1:.3f}** {interval} ({counts})")
    return lines
