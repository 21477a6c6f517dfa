"""API, queue and worker with nothing in common but Redis and a bucket."""

from pathlib import Path
from typing import Any

from redis import Redis

from tests import s3_server
from tests.conftest import MakeSettings
from tests.processes import start_worker, until
from tests.service.conftest import Serve, create


def test_a_job_from_its_upload_to_its_ranges(
    serve: Serve, redis: Redis, make_settings: MakeSettings, tmp_path: Path, clip: Path
) -> None:
    with s3_server.running() as s3:
        place = {"store": f"s3://{s3.new_bucket()}/prefix", "s3_endpoint": s3.endpoint}
        client = serve(make_settings(state_dir=tmp_path / "api", **place))
        worker = start_worker(make_settings(state_dir=tmp_path / "worker", **place), redis)
        try:
            path = f"/v1/jobs/{create(client, clip)['id']}"

            def ended() -> dict[str, Any] | None:
                job: dict[str, Any] = client.get(path).json()
                return None if job["status"] in ("queued", "in_progress") else job

            job = until(ended, "the job to end")
        finally:
            worker.terminate()
            worker.wait()
        assert (job["status"], job["error"]) == ("completed", None)
        whole = client.get(job["content"]["video"])
        assert whole.content == clip.read_bytes()
        part = client.get(
            job["content"]["video"], headers={"Range": "bytes=100-199", "If-Range": whole.headers["etag"]}
        )
        assert (part.status_code, part.content) == (206, whole.content[100:200])
