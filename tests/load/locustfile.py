"""What locust's users do: some upload the clip until there were enough, others ask after a job at a steady pace."""

import os
from pathlib import Path
from typing import Final

from locust import HttpUser, constant, constant_pacing, task
from locust.exception import StopUser

_EDGE: Final = "v2m-load"
_HEAD: Final = f'--{_EDGE}\r\nContent-Disposition: form-data; name="video"; filename="clip.mp4"\r\n\r\n'
_TAIL: Final = f"\r\n--{_EDGE}--\r\n"
# Made once: the users are to wait for the API, and not for the form.
BODY: Final = _HEAD.encode() + Path(os.environ["V2M_LOAD_CLIP"]).read_bytes() + _TAIL.encode()
HEADERS: Final = {"Content-Type": f"multipart/form-data; boundary={_EDGE}"}
ASKS_EVERY_S: Final = 0.2


class Uploader(HttpUser):
    """A closed loop: the next upload once the last one is answered."""

    wait_time = constant(0)
    left = int(os.environ["V2M_LOAD_UPLOADS"])
    unanswered = left

    @task
    def upload(self) -> None:
        """One video."""
        if Uploader.left == 0:
            raise StopUser
        Uploader.left -= 1
        with self.client.post("/v1/jobs", BODY, headers=HEADERS, catch_response=True) as answer:
            if answer.status_code != 202:
                answer.failure(f"{answer.status_code} {answer.text[:200]}")
        Uploader.unanswered -= 1
        if Uploader.unanswered == 0:
            self.environment.runner.quit()


class Asker(HttpUser):
    """Asks after a job as a page does."""

    wait_time = constant_pacing(ASKS_EVERY_S)

    @task
    def ask(self) -> None:
        """One poll."""
        self.client.get(f"/v1/jobs/{os.environ['V2M_LOAD_JOB']}", name="/v1/jobs/{id}")
