"""`python -m model_core.evaluation.model` measures a model on its own music and writes docs/model-evaluation.md."""

import argparse
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from model_core.evaluation.model.run import FULL_SAMPLES, Size


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m model_core.evaluation.model", description=__doc__)
    found.add_argument("--model", type=Path, default=None, help="a model folder (default: the shipped one)")
    found.add_argument("--samples", type=int, default=FULL_SAMPLES, help="takes for each figure; below 36 a mere trial")
    found.add_argument("--out", type=Path, default=Path("docs/model-evaluation.md"))
    found.add_argument("--rolls", type=Path, default=Path("docs/img/rolls"))
    found.add_argument("--work", type=Path, default=Path("work/evaluation/model"), help="keeps the style network")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Run with `arguments` (default: the process')."""
    from model_core.evaluation.model.page import page, table
    from model_core.evaluation.model.run import measure
    from model_core.evaluation.model.takes import Studio

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    given = parser().parse_args(arguments)
    found = measure(Studio.load(given.model), Size.of(given.samples), given.work, given.rolls)
    full = given.samples == FULL_SAMPLES
    command = "make evaluate-model" if full else f"python -m model_core.evaluation.model --samples {given.samples}"
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(page(found, given.out, command, datetime.now(UTC).date().isoformat()))
    print("\n".join(table(found.rows)))
    for prompt, lacks in found.failures:
        print(f'not met: "{prompt}": {", ".join(lacks)}')
    print(given.out)


if __name__ == "__main__":
    main()
