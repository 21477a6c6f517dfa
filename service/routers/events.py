"""A job followed without asking again and again."""

from collections.abc import AsyncIterator
from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Header, Request, Response, status
from fastapi.sse import EventSourceResponse

from service.auth.caller import CallerDep
from service.dependencies import RecordDep, ServicesDep
from service.events.job_watcher import Stream, Watch
from service.events.stream import EVENT, events
from service.job_views import view
from service.openapi.responses import EVERYWHERE, Responses, documented

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_EVENT: Final = {
    "description": "Each event, with its fields as members.",
    "type": "object",
    "required": ["event", "data", "id"],
    "properties": {
        "event": {"const": EVENT},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/JobView"},
        },
        "id": {"type": "string", "description": "The job's tag, to be sent as Last-Event-ID."},
    },
}
_ANSWERS: Final[Responses] = {
    200: {"description": "Events.", "content": {EventSourceResponse.media_type: {"schema": _EVENT}}},
    204: {"description": "The client has seen the end: there is nothing more to come."},
    **documented("unknown_job", "link_expired", "too_many_streams", "streams_full", *EVERYWHERE),
}


def get_watch(request: Request) -> Watch:
    """The watch of the app that got the request."""
    return cast("Watch", request.app.state.watch)


WatchDep = Annotated[Watch, Depends(get_watch)]


async def get_stream(record: RecordDep, watch: WatchDep) -> AsyncIterator[Stream]:
    """A place among the job's streams until the answer is over, however it ends; Problem when all are taken."""
    with watch.following(record.id) as stream:
        yield stream


# Not response_class=EventSourceResponse: FastAPI would take what the function returns for a generator.
@router.get(
    "/{job_id}/events",
    response_class=Response,
    responses=_ANSWERS,
)
def follow_job(
    services: ServicesDep,
    caller: CallerDep,
    record: RecordDep,
    watch: WatchDep,
    stream: Annotated[Stream, Depends(get_stream)],
    last_event_id: Annotated[str | None, Header(description="The id of the last event that came.")] = None,
) -> Response:
    """Server-sent events ``job`` with the job as data: at once, whenever it changes, and the last one when it is over.

    An EventSource connects again whenever a stream ends; 204 tells it that there is nothing more to come.
    """
    if record.is_final and view(services, record).tag == last_event_id:
        return Response(status_code=status.HTTP_204_NO_CONTENT, headers=_HEADERS)
    return EventSourceResponse(events(watch, stream, last_event_id, by_link=caller.by_link), headers=_HEADERS)
