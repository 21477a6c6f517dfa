"""A job as a stream of server-sent events: one whenever it changes, until it is over."""

from collections.abc import AsyncIterator
from typing import Final

import anyio
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from service.events.job_watcher import Stream, Watch

EVENT: Final = "job"
QUIET_S: Final = 15.0
"""After so long without an event a comment shows that the stream lives, to whoever is in between."""


async def events(
    watch: Watch, stream: Stream, known: str | None = None, *, by_link: bool = False
) -> AsyncIterator[bytes]:
    """The stream's bytes. ``known``: tag of the view that the client has, which is not sent once more.
    ``by_link``: as `JobView.for_link` has it, by the same ids.

    It ends after a final state, when the job is gone, and when the service stops.
    """
    spoke = anyio.current_time()
    while True:
        changed, sight = stream.job.changed, stream.sight
        if sight is not None and sight.view.tag != known:
            known = sight.view.tag
            shown = sight.view.for_link() if by_link else sight.view
            yield format_sse_event(event=EVENT, data_str=shown.model_dump_json(), id=known)
            spoke = anyio.current_time()
        if stream.job.is_gone or watch.is_over or (sight is not None and sight.record.is_final):
            return
        # what is news to another stream of the job is no sign of life to this one's client
        with anyio.move_on_after(spoke + QUIET_S - anyio.current_time()) as quiet:
            await changed.wait()
        if quiet.cancelled_caught:
            yield KEEPALIVE_COMMENT
            spoke = anyio.current_time()
