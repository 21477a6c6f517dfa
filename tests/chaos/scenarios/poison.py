"""A job that kills its worker each time is given up, and does not hold up the others."""

from tests.chaos.ground import Ground


def poison(ground: Ground) -> None:
    """Between two that are harmless."""
    with ground.stack("poison") as stack:
        stack.caused["worker"] += 2
        jobs = [
            stack.accepted(about="before"),
            stack.accepted("poison", ends="failed:worker_lost", attempts=(2,)),
            stack.accepted(about="after"),
        ]
        for job in jobs:
            stack.ended(job)
        upload = stack.store / "jobs" / jobs[1].id / "upload"
        if not upload.is_file():
            ground.tally.add("lost", "the upload of a job that was given up is gone")
