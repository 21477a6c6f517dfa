"""Route that streams the changes of a job as server-sent events."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Header, Request, Response, status
from fastapi.sse import EventSourceResponse

from service.auth.keys import CallerDep
from service.dependencies import RecordDep, ServicesDep
from service.events import EVENT, Stream, Watch, stream_events
from service.job_views import view
from service.openapi.examples import COMPLETED_JOB
from service.openapi.responses import EVERYWHERE, Responses, problem_responses

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
# Without a type: OpenAPI 3.1 cannot describe single events. As an object, generated clients would parse the whole
# stream as JSON; as a string, tools that read single events would find each one wrong.
_STREAM: Final = {
    "description": f"Server-sent events. Each event is named `{EVENT}`. Its `data` is the job as JSON (`JobView`); its "
    "`id` identifies this state of the job: send the last one as `Last-Event-ID` when you reconnect.",
    "examples": [f"event: {EVENT}\ndata: {json.dumps(COMPLETED_JOB)}\nid: 0f3c9b7a5d1e4f60a2b4c6d8e0f1a3b5\n\n"],
}
_RESPONSES: Final[Responses] = {
    200: {"description": "The stream of events.", "content": {EventSourceResponse.media_type: {"schema": _STREAM}}},
    204: {"description": "The job has ended, and the client has received its last event."},
    **problem_responses("unknown_job", "link_expired", "too_many_streams", "streams_full", *EVERYWHERE),
}


def get_watch(request: Request) -> Watch:
    """The watch of the app that received the request."""
    return cast("Watch", request.app.state.watch)


WatchDep = Annotated[Watch, Depends(get_watch)]


async def get_stream(record: RecordDep, watch: WatchDep) -> AsyncIterator[Stream]:
    """One of the job's streams, reserved until the response ends. Problem if there are too many streams."""
    with watch.following(record.id) as stream:
        yield stream


# Not response_class=EventSourceResponse: FastAPI would then treat the returned response as a generator.
@router.get(
    "/{job_id}/events",
    summary="Stream events",
    response_class=Response,
    responses=_RESPONSES,
)
def follow_job(
    services: ServicesDep,
    caller: CallerDep,
    record: RecordDep,
    watch: WatchDep,
    stream: Annotated[Stream, Depends(get_stream)],
    last_event_id: Annotated[
        str | None,
        Header(
            alias="Last-Event-ID",
            description="The `id` of the last event that you received. It is not sent again.",
        ),
    ] = None,
) -> Response:
    """Streams the job as server-sent events: at the start, after every change, and a last time when it has ended.

    A browser's `EventSource` reconnects when a stream ends; the answer 204 tells it to stop.
    """
    if record.is_final and view(services, record).tag == last_event_id:
        return Response(status_code=status.HTTP_204_NO_CONTENT, headers=_HEADERS)
    return EventSourceResponse(stream_events(watch, stream, last_event_id, by_link=caller.by_link), headers=_HEADERS)
