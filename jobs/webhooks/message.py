"""What a webhook says. A receiver that cannot be reached for a day is told of the job as it is then."""

from typing import Any

from pydantic_core import to_json

from jobs.record import JobRecord


def message_id(record: JobRecord) -> str:
    """The same at every try: by it a receiver knows what it has had before. A job ends once, so it is enough."""
    return f"msg_{record.id}_{record.status}"


def message(record: JobRecord) -> str:
    """The body, as JSON, about a job that is over."""
    data: dict[str, Any] = {
        "id": record.id,
        "kind": record.kind,
        "status": record.status,
        "error": record.error,
        "created_at": record.created_at,
        "finished_at": record.finished_at,
        "expired_at": record.expired_at,
        "job": f"/v1/jobs/{record.id}",
        "content": {variant: f"/v1/jobs/{record.id}/content?variant={variant}" for variant in record.artifacts},
    }
    whole = {"type": f"job.{record.status}", "timestamp": record.finished_at, "data": data}
    return to_json(whole).decode()
