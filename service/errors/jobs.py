"""Errors of existing jobs, and of the Idempotency-Key header."""

from collections.abc import Iterable
from datetime import datetime

from service.errors.problem import LATER_S, SOON_S, Problem, RetryableProblem

POLL_S = 1
"""Retry-After of a job that has not ended, in seconds."""
_KEY = "Idempotency-Key"


class UnknownJob(Problem):
    """No job has this id. It was deleted, its record has expired, or it belongs to another key."""

    kind = "unknown_job"
    title = "Job not found"
    status = 404
    remedy = "Check the id and the key. `GET /v1/jobs` lists the jobs of a key."

    def __init__(self) -> None:
        super().__init__("No job has this id, or it belongs to another key. Jobs are removed some time after they end.")


class UnknownVariant(Problem):
    """The job has no result of this variant."""

    kind = "unknown_variant"
    title = "Variant not found"
    status = 404
    remedy = "Use a variant named in `detail` or in the job's `content`."

    def __init__(self, variant: str, known: Iterable[str]) -> None:
        """`known`: the variants that the job has."""
        detail = f"The job has no result for variant={variant}. It has {', '.join(known)}."
        super().__init__(detail, field="variant")


class NotCompleted(RetryableProblem):
    """The job has not ended, so it has no results yet."""

    kind = "not_completed"
    title = "Job not completed"
    status = 409
    remedy = "Try again after `Retry-After`, or wait for the job to end."

    def __init__(self, status: str) -> None:
        """`status` of the job."""
        super().__init__(f"The job is {status}. Its results are available once it is completed.", POLL_S)


class AlreadyOver(Problem):
    """The job to cancel is already completed or failed."""

    kind = "already_over"
    title = "Job has ended"
    status = 409
    remedy = "Nothing is left to cancel. `DELETE` removes the job."

    def __init__(self, status: str) -> None:
        """`status` of the job."""
        super().__init__(f"The job is already {status} and cannot be canceled.")


class InProgress(Problem):
    """The job to delete is in progress."""

    kind = "in_progress"
    title = "Job in progress"
    status = 409
    remedy = "Cancel the job. Delete it once its status is `canceled`."

    def __init__(self) -> None:
        super().__init__("The job is in progress. Cancel it, then delete it once its status is canceled.")


class NoContent(Problem):
    """The job failed or was canceled, so it has no results."""

    kind = "no_content"
    title = "Job has no results"
    status = 410
    remedy = "Read the job's `error` and create a new job."

    def __init__(self, status: str) -> None:
        """`status` of the job."""
        super().__init__(f"The job is {status}, so it has no results. Create a new job.")


class Expired(Problem):
    """The results were removed after their retention time, or to free space."""

    kind = "expired"
    title = "Results removed"
    status = 410
    remedy = "Create the job again, and download the results earlier."

    def __init__(self, removed_at: datetime) -> None:
        super().__init__(f"The results were removed at {removed_at.isoformat(timespec='seconds')}. Create a new job.")


class IdempotencyKeyInUse(RetryableProblem):
    """Another request with the same `Idempotency-Key` is still running."""

    kind = "idempotency_key_in_use"
    title = "Idempotency-Key in use"
    status = 409
    remedy = "Send the same request again after `Retry-After`."

    def __init__(self) -> None:
        detail = f"Another request with this {_KEY} is still running. Send the same request again later."
        super().__init__(detail, SOON_S, field=_KEY)


class JobGone(Problem):
    """The job of this `Idempotency-Key` was deleted, or its record has expired."""

    kind = "job_gone"
    title = "Job was deleted"
    status = 410
    remedy = "Use a new key to create a new job."

    def __init__(self) -> None:
        super().__init__(f"The job of this {_KEY} was deleted. Use a new key.")


class InvalidIdempotencyKey(Problem):
    """`Idempotency-Key` is empty, too long, repeated, or has other than visible ASCII characters."""

    kind = "invalid_idempotency_key"
    title = "Invalid Idempotency-Key"
    status = 422
    remedy = "Send one key of 1 to 255 visible ASCII characters, such as a UUID."

    def __init__(self, limit: int) -> None:
        """`limit`: the most characters."""
        detail = f"Send one {_KEY} of 1 to {limit} visible ASCII characters, such as a UUID."
        super().__init__(detail, field=_KEY, limit=limit)


class IdempotencyKeyReused(Problem):
    """This `Idempotency-Key` was used for a different request."""

    kind = "idempotency_key_reused"
    title = "Idempotency-Key reused"
    status = 422
    remedy = "Use a new key for a new job."

    def __init__(self) -> None:
        super().__init__(f"This {_KEY} was used for a different request. Use a new key.", field=_KEY)


class TooManyStreams(RetryableProblem):
    """The job has `limit` open event streams, the maximum."""

    kind = "too_many_streams"
    title = "Too many event streams"
    status = 429
    remedy = "Close streams that are no longer needed, or poll the job: `GET /v1/jobs/{id}`."

    def __init__(self, limit: int) -> None:
        detail = f"This job has {limit} open event streams, the maximum. Close one, or poll the job instead."
        super().__init__(detail, LATER_S, limit=limit)
