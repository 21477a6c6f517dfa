"""Server-sent events of a job: one event for each change, until the job ends."""

from collections.abc import AsyncIterator
from typing import Final

import anyio
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from service.events.job_watcher import Stream, Watch

EVENT: Final = "job"
QUIET_S: Final = 15.0
"""Seconds without an event after which a comment keeps the connection open through proxies."""


async def events(
    watch: Watch, stream: Stream, known: str | None = None, *, by_link: bool = False
) -> AsyncIterator[bytes]:
    """The bytes of the stream. It ends after a final state, if the job is gone, and when the service stops.

    ``known``: tag of the view that the client already has, which is not sent again. ``by_link``: sends
    `JobView.for_link`.
    """
    last_sent = anyio.current_time()
    while True:
        changed, sight = stream.job.changed, stream.sight
        if sight is not None and sight.view.tag != known:
            known = sight.view.tag
            view = sight.view.for_link() if by_link else sight.view
            yield format_sse_event(event=EVENT, data_str=view.model_dump_json(), id=known)
            last_sent = anyio.current_time()
        if stream.job.is_gone or watch.is_over or (sight is not None and sight.record.is_final):
            return
        # an event for another stream of the job does not keep this connection open
        with anyio.move_on_after(last_sent + QUIET_S - anyio.current_time()) as quiet:
            await changed.wait()
        if quiet.cancelled_caught:
            yield KEEPALIVE_COMMENT
            last_sent = anyio.current_time()
