"""Uploads that are on their way for long: one that falls silent, and others that come meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx

from tests.processes import until
from tests.service import raw
from tests.service.errors.house import MAKING, ROUTES, Api, Case, House, Provoke

_HEADERS: Final = {
    "Content-Type": "multipart/form-data; boundary=edge",
    "Content-Length": "1000000",
    "Idempotency-Key": "held",
    "Host": "127.0.0.1",
}
_START: Final = b'--edge\r\nContent-Disposition: form-data; name="video"; filename="a"\r\n\r\n'


@contextmanager
def _begun(house: House, api: Api, route: str) -> Iterator[None]:
    """An upload of which the rest does not come."""
    with raw.line(api.client) as line:
        line.sendall(raw.head(ROUTES[route][1], _HEADERS) + _START)
        until(lambda: house.redis.exists("v2m:idempotency::held"), "the upload to be under way")
        yield


def _meanwhile(**settings: object) -> Provoke:
    def provoke(house: House, route: str) -> httpx.Response:
        api = house.new_api(**settings)
        with _begun(house, api, route):
            return api.ask(route)

    return provoke


def _silent(house: House, route: str) -> httpx.Response:
    api = house.api(upload_silence_s=0.2)
    with raw.line(api.client) as line:
        line.sendall(raw.head(ROUTES[route][1], _HEADERS) + _START)
        head, _, body = raw.answer(line).partition("\r\n\r\n")
    status, *fields = head.split("\r\n")
    headers = [(name, value) for name, _, value in (field.partition(": ") for field in fields)]
    return httpx.Response(int(status.split()[1]), headers=headers, content=body.encode())


CASES: Final = (
    Case("request_timeout", "silence for longer than `V2M_UPLOAD_SILENCE_S`", MAKING, _silent),
    Case("too_many_uploads", "over `V2M_MAX_UPLOADS_PER_KEY`", MAKING, _meanwhile(max_uploads_per_key=1)),
    Case("uploads_full", "over `V2M_MAX_UPLOADS`", MAKING, _meanwhile(max_uploads=1)),
)
