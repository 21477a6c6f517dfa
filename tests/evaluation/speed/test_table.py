"""The tables: ratios, extrapolated times, what is missing, and sums of stages."""

from model_core.evaluation.speed.cells import FAILED, OUT_OF_MEMORY, Cell, Result
from model_core.evaluation.speed.clock import Taken
from model_core.evaluation.speed.floors import Floor
from model_core.evaluation.speed.sizes import MEDIUM, SMALL, Size
from model_core.evaluation.speed.stages import CURVE, DECODE, PICTURE, PLAIN, PROMPT, TEXT_AND_CURVE
from model_core.evaluation.speed.table import duration, failures, line, scores_table, stages_table
from model_core.evaluation.speed.ways import COMPILED, DIFFUSERS, EAGER

FLOOR = Floor(1e12, 1e9, 0.5, "operations")


def floors(size: Size, stage: str, seconds: float, batch: int) -> Floor:
    return FLOOR


def took(stage: str, way: str, seconds: float, measured_steps: int = 0, memory: int | None = None) -> Result:
    return Result(Cell(MEDIUM, stage, way, 30.0, 1), Taken(seconds, 5, 1.0, memory), measured_steps)


RESULTS = [
    took(PROMPT, EAGER, 0.1), took(PROMPT, DIFFUSERS, 0.2),
    took(PLAIN.name, EAGER, 1.5, 8), took(PLAIN.name, DIFFUSERS, 2.0, 8, 3 * 2**30),
    took(CURVE.name, EAGER, 1.6, 8, 2 * 2**30), took(CURVE.name, COMPILED, 0.8, 8),
    took(TEXT_AND_CURVE.name, EAGER, 50.0, 4),
    took(DECODE, EAGER, 1.0), Result(Cell(MEDIUM, DECODE, DIFFUSERS, 30.0, 1), reason=OUT_OF_MEMORY),
    took(PICTURE, EAGER, 5.0),
]  # fmt: skip


def rows(lines: list[str]) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_a_row_a_stage_with_ratios_and_floors() -> None:
    found = {row[3]: row for row in rows(stages_table(RESULTS, floors))}
    assert next(iter(found)) == PICTURE
    assert found[PICTURE][0] == "", "the encoders are of no size"
    plain = found["distilled, 8 steps"]
    assert plain[4:9] == ["1.5 s", "", "2 s", "0.75", ""]
    assert plain[9:] == ["188 ms", "500 ms", "3.0", "", "3.0 GiB"]
    curve = found["distilled, curve, 8 steps"]
    assert curve[4:9] == ["1.6 s", "800 ms", "", "", ""]
    assert curve[9:] == ["100 ms", "500 ms", "1.6", "2.0 GiB", ""]
    assert found["base, text and curve guidance, 100 steps"][4] == "50 s*"
    assert found[DECODE][4:9] == ["1 s", "", OUT_OF_MEMORY, "", ""]


def test_a_whole_score_is_the_sum_of_its_stages() -> None:
    distilled, base = rows(scores_table(RESULTS))
    # Two prompts, compiled sampling with the curve, decoding.
    assert distilled == ["medium", "30 s", "1", "distilled", "2 s", "15", "", ""]
    assert base[3:6] == ["base", "51.2 s", "1"]
    decoded = [*RESULTS[:8], took(DECODE, DIFFUSERS, 1.8)]
    distilled, base = rows(scores_table(decoded))
    assert distilled[4:] == ["2 s", "15", "4 s", "0.50"]
    assert base[6:] == ["", ""], "diffusers' text guidance was not measured"


def test_what_errors_said_is_told_once_below() -> None:
    broken = [
        Result(Cell(size, PROMPT, EAGER, 30.0, 1), reason=FAILED, detail="RuntimeError: no kernel")
        for size in (MEDIUM, SMALL)
    ]
    assert failures([*RESULTS, *broken]) == ["", "- failed: RuntimeError: no kernel"]
    assert failures(RESULTS) == []
    assert line(broken[0], FLOOR).endswith("failed RuntimeError: no kernel")
    assert "x3.0" in line(RESULTS[2], FLOOR)


def test_durations_have_three_digits_and_a_unit() -> None:
    assert [duration(value) for value in (None, 0.0, 1.234e-5, 0.01234, 0.9996, 12.34, 4321.0)] == [
        "", "0 µs", "12.3 µs", "12.3 ms", "1000 ms", "12.3 s", "4321 s",
    ]  # fmt: skip
