"""`python -m model_core.evaluation.speed` measures the production model's speed on a GPU, stage by stage."""

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from model_core.errors import InputError
from model_core.evaluation.speed.needs import missing_packages

if TYPE_CHECKING:
    from model_core.evaluation.speed.record import Run
    from model_core.evaluation.speed.sizes import Size

PROGRAM: Final = "python -m model_core.evaluation.speed"
PAGE: Final = Path("docs/benchmarks.md")
_FAILED, _UNUSABLE = 1, 2
_ONLY_TINY: Final = "a CPU runs the tiny size alone: give --size tiny with --device cpu"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    found.add_argument("--size", choices=("small", "medium", "tiny"), help="one size (default: medium and small)")
    found.add_argument(
        "--device", choices=("cuda", "cpu"), default="cuda", help="cpu tries the command, with --size tiny"
    )
    found.add_argument("--minutes", type=float, default=8.0, help="no further cell is begun after them (default: 8)")
    found.add_argument(
        "--json", type=Path, default=Path("out/benchmarks.json"), help="written anew after each cell, as is the page"
    )
    found.add_argument("--write", type=Path, nargs="?", const=PAGE, help=f"write the page too (default: {PAGE})")
    found.add_argument("--floor-only", action="store_true", help="compute the floors and measure nothing; needs no GPU")
    found.add_argument("--card", default="H100", help="whose floors: H100, H200 or A100")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run with `arguments` (default: the process'); gives the exit status: 1 if a cell failed, 2 if none can run."""
    began = time.monotonic()
    given_arguments = sys.argv[1:] if arguments is None else arguments
    given = parser().parse_args(given_arguments)
    command = shlex.join([*PROGRAM.split(), *given_arguments])
    if missing := missing_packages() if given.floor_only else _missing(given):
        print(missing, file=sys.stderr)
        return _UNUSABLE
    from model_core.evaluation.speed.sizes import MEDIUM, SIZES, SMALL

    sizes = [SIZES[given.size]] if given.size else [MEDIUM, SMALL]
    try:
        return _floors(given, sizes, command) if given.floor_only else _measure(given, sizes, command, began)
    except InputError as error:
        print(error, file=sys.stderr)
        return _UNUSABLE


def _missing(given: argparse.Namespace) -> str:
    """What is missing for a measurement, or nothing."""
    if given.device == "cpu":
        return missing_packages() if given.size == "tiny" else _ONLY_TINY
    if missing := missing_packages():
        return missing
    try:
        import torch
    except ImportError:
        return "a GPU and a CUDA build of torch are needed: torch cannot be imported here"
    if torch.cuda.is_available():
        return ""
    found = f"torch {torch.__version__} finds none here"
    return f"a GPU and a CUDA build of torch are needed: {found} (--floor-only computes the floors without)"


def _floors(given: argparse.Namespace, sizes: "Sequence[Size]", command: str) -> int:
    import torch

    from model_core.evaluation.speed.cards import named_card
    from model_core.evaluation.speed.page import floors_of, page
    from model_core.evaluation.speed.record import Run, write_whole
    from model_core.evaluation.speed.table import floors_table

    run = Run(named_card(given.card), torch.bfloat16, command, _today())
    print("\n".join(floors_table(sizes, floors_of(run))))
    if given.write:
        write_whole(given.write, page(run, [], sizes))
        print(given.write)
    return 0


def _measure(given: argparse.Namespace, sizes: "Sequence[Size]", command: str, began: float) -> int:
    import torch
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    from model_core.evaluation.speed.cards import card_of
    from model_core.evaluation.speed.cells import DEVICE_LOST, FAILED, Result, cells_of
    from model_core.evaluation.speed.page import floors_of, page
    from model_core.evaluation.speed.record import Run, write_json, write_whole
    from model_core.evaluation.speed.run import Limits, measure
    from model_core.evaluation.speed.table import failures, line, scores_table, stages_table

    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    device = torch.device(given.device)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    run = Run(card_of(device, dtype), dtype, command, _today())
    floors = floors_of(run)
    _say_card(run)
    results: list[Result] = []
    for result in measure(cells_of(sizes), device, dtype, Limits(60 * given.minutes), began):
        results.append(result)
        cell = result.cell
        print(line(result, floors(cell.size, cell.stage, cell.seconds, cell.batch)), flush=True)
        write_json(run, results, given.json)
        if given.write:
            write_whole(given.write, page(run, results, sizes))
    tables = [*scores_table(results), "", *stages_table(results, floors), *failures(results)]
    print("\n".join(["", *tables, "", str(given.json)]))
    if given.write:
        print(given.write)
    return _FAILED if any(result.reason in (FAILED, DEVICE_LOST) for result in results) else 0


def _say_card(run: "Run") -> None:
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    print(f"{run.card.name}, {run.precision}, {versions}", flush=True)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


if __name__ == "__main__":
    raise SystemExit(main())
