"""Errors of the service itself: faults, outages and full queues or disks."""

from collections.abc import Mapping

from service.errors.problem import LATER_S, SOON_S, Problem, RetryableProblem


class Internal(Problem):
    """An unexpected error in the service. The operator finds it in the log."""

    kind = "internal"
    title = "Internal error"
    status = 500
    remedy = "Report the `request_id` to the operator of the service."

    def __init__(self, request_id: str | None) -> None:
        """The connection is closed, because the server ends it after an unexpected error."""
        detail = "An unexpected error occurred and was logged. Report the request_id to the operator of the service."
        super().__init__(detail, headers={"Connection": "close"}, request_id=request_id)


class Unavailable(RetryableProblem):
    """Redis does not answer. With a `job_id` it is not known yet whether that job was created."""

    kind = "unavailable"
    title = "Job store unavailable"
    status = 503
    remedy = "Send the request again after `Retry-After`. Use an `Idempotency-Key` if it creates a job."

    def __init__(
        self, detail: str = "The job store does not answer. Try again later.", job_id: str | None = None
    ) -> None:
        """`job_id`: of the job that may have been created."""
        super().__init__(detail, SOON_S, job_id=job_id)


class QueueFull(RetryableProblem):
    """The queue has `limit` waiting jobs, the maximum."""

    kind = "queue_full"
    title = "Queue full"
    status = 503
    remedy = "Send the request again after `Retry-After`."

    def __init__(self, limit: int) -> None:
        super().__init__(f"The queue is full: {limit} jobs are waiting. Try again later.", LATER_S, limit=limit)


class UploadsFull(RetryableProblem):
    """This API process has `limit` running uploads, the maximum."""

    kind = "uploads_full"
    title = "Too many uploads on this server"
    status = 503
    remedy = "Send the request again after `Retry-After`."

    def __init__(self, limit: int) -> None:
        super().__init__(f"The server has {limit} running uploads, the maximum. Try again later.", SOON_S, limit=limit)


class StreamsFull(RetryableProblem):
    """This API process has `limit` open event streams, the maximum."""

    kind = "streams_full"
    title = "Too many event streams on this server"
    status = 503
    remedy = "Try again after `Retry-After`, or poll the job: `GET /v1/jobs/{id}`."

    def __init__(self, limit: int) -> None:
        detail = f"The server has {limit} open event streams, the maximum. Try again later, or poll the job instead."
        super().__init__(detail, LATER_S, limit=limit)


class Storage(RetryableProblem):
    """The server cannot read or write its files."""

    kind = "storage"
    title = "Storage unavailable"
    status = 503
    remedy = "Send the request again after `Retry-After`. The operator finds the cause in the log."

    def __init__(self) -> None:
        super().__init__("The server cannot read or write its files at the moment. Try again later.", SOON_S)


class NotReady(RetryableProblem):
    """Redis, the store or a worker is missing. `missing` says which."""

    kind = "not_ready"
    title = "Not ready"
    status = 503
    remedy = "Wait, or repair what `missing` lists."

    def __init__(self, missing: Mapping[str, str]) -> None:
        """`missing`: what is wrong, by the name of the part, such as ``redis: does not answer``."""
        detail = "; ".join(f"{name} {state}" for name, state in missing.items())
        super().__init__(f"The service is not ready: {detail}.", SOON_S, missing=missing)


class StorageFull(RetryableProblem):
    """The server has no space for another upload."""

    kind = "storage_full"
    title = "Storage full"
    status = 507
    remedy = "Send the request again after `Retry-After`. Deleting jobs frees space."

    def __init__(self) -> None:
        super().__init__("The server has no space for this upload. Delete jobs, or try again later.", LATER_S)
