"""The real worker with the embedded model, killed and stopped in each stage."""

import time
from typing import Final

from model_core.options import STAGES
from tests.chaos.ground import Ground
from tests.chaos.stack import Stack

_TIMES: Final = 4


def model_killed(ground: Ground) -> None:
    """SIGKILL as soon as a stage is seen, then at random times, then SIGTERM as soon as a stage is seen."""
    with ground.stack("model_killed") as stack:
        for stage in STAGES:
            ground.say(f"kill in {stage}")
            _killed(ground, stack, stage)
        stack.restart()  # ends the supervisor's growing pauses between starts
        for _ in range(_TIMES):
            job = stack.accepted("calm piano", about="killed at a random time")
            time.sleep(ground.random.uniform(0.1, 4))
            stack.kill("worker")
            stack.ended(job)
        stack.restart()
        for stage in STAGES:
            ground.say(f"SIGTERM in {stage}")
            job = stack.accepted("calm piano", about=f"SIGTERM in {stage}")
            _seen_in(stack, job.id, stage)
            stack.terminate_worker()
            if stack.ended(job).crashes:
                ground.tally.add("lost", f"{job} paid for a stop")


def _killed(ground: Ground, stack: Stack, stage: str) -> None:
    job = stack.accepted("calm piano", about=f"killed in {stage}")
    _seen_in(stack, job.id, stage)
    died = time.time()
    stack.kill("worker")
    if stack.ended(job).attempt > 1:
        ground.tally.ran_again(stack.started_at(job) - died, f"{stage} of the real model")


def _seen_in(stack: Stack, job_id: str, stage: str) -> None:
    """Until the job is in this stage or past it: a stage may be too short to be seen."""

    def ask() -> bool:
        record = stack.records.get(job_id)
        if record is None or record.stage not in STAGES:
            return record is not None and record.is_final
        return STAGES.index(record.stage) >= STAGES.index(stage)

    stack.until(ask, f"the stage {stage}")
