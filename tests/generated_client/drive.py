"""One way through the API with the generated client. Arguments: URL, API key, clip, target. Prints JSON."""

import json
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from v2m_generated import AuthenticatedClient
from v2m_generated.api.health import healthz, readyz
from v2m_generated.api.jobs import (
    cancel_job,
    create_curve,
    create_job,
    delete_job,
    follow_job,
    get_content,
    get_job,
    list_jobs,
    make_links,
)
from v2m_generated.models import BodyCreateCurve, BodyCreateJob, ScoreOptions, Variant
from v2m_generated.types import File


def main(url: str, key: str, clip: Path, target: Path) -> dict[str, Any]:
    """Uploads, polls, downloads, cancels, lists and deletes; returns what the test compares."""
    client = AuthenticatedClient(base_url=url, token=key, raise_on_unexpected_status=True)
    ready = readyz.sync(client=client)

    def upload(prompt: str) -> Any:
        with clip.open("rb") as video:
            body = BodyCreateJob(video=File(video, "clip.mp4"), prompt=prompt, options=ScoreOptions(seed=7, steps=20))
            return create_job.sync(client=client, body=body, idempotency_key=uuid4().hex)

    def wait(job_id: str) -> Any:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            job = get_job.sync(job_id, client=client)
            if job.status in ("completed", "failed", "canceled"):
                return job
            time.sleep(0.1)
        raise TimeoutError(job_id)

    created = upload("calm piano")
    done = wait(created.id)
    target.write_bytes(get_content.sync(done.id, client=client).payload.read())
    curve_file = get_content.sync(done.id, client=client, variant=Variant.CURVE).payload.read()
    part = get_content.sync(done.id, client=client, range_="bytes=2-5").payload.read()
    known = get_job.sync_detailed(done.id, client=client)
    unchanged = get_job.sync_detailed(done.id, client=client, if_none_match=known.headers["ETag"])

    long = upload("slow 60")
    cancel_job.sync(long.id, client=client)
    canceled = wait(long.id)

    with clip.open("rb") as video:
        curve = create_curve.sync(client=client, body=BodyCreateCurve(video=File(video, "clip.mp4")))
    curve_done = wait(curve.id)

    links = make_links.sync(done.id, client=client)
    events = follow_job.sync(done.id, client=client)
    listed = list_jobs.sync(client=client, limit=2)
    rest = list_jobs.sync(client=client, cursor=listed.next_cursor)
    deleted = delete_job.sync_detailed(done.id, client=client)
    gone = get_job.sync(done.id, client=client)
    return {
        "health": healthz.sync(client=client).status,
        "workers": ready.workers,
        "created": created.to_dict(),
        "done": done.to_dict(),
        "curve_file": json.loads(curve_file),
        "part": part.decode("latin-1"),
        "unchanged": unchanged.status_code,
        "canceled": canceled.to_dict(),
        "curve": curve_done.to_dict(),
        "links": links.to_dict(),
        "events": events,
        "listed": [job.id for job in [*listed.jobs, *rest.jobs]],
        "deleted": deleted.status_code,
        "gone": gone.to_dict(),
    }


if __name__ == "__main__":
    address, api_key, clip_path, target_path = sys.argv[1:]
    print(json.dumps(main(address, api_key, Path(clip_path), Path(target_path))))
