"""Route that creates signed links to a job, for players and event listeners that cannot send a key."""

import math
import time
from datetime import UTC, datetime

from fastapi import APIRouter

from service.dependencies import RecordDep, ServicesDep
from service.openapi.responses import CHANGING, problem_responses
from service.schemas import LinksView

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.post(
    "/{job_id}/links",
    summary="Create signed links",
    response_description="The links.",
    responses=problem_responses("unknown_job", *CHANGING),
)
def make_links(services: ServicesDep, record: RecordDep) -> LinksView:
    """Creates signed links to the job's results and events.

    The links work without an API key, so a `<video>` element or an `EventSource` can use them. Anyone who has a link
    can use it until it expires, or until the API key that created the job is removed.
    """
    links, base_url = services.links, services.settings.base_url
    expires = math.ceil(time.time()) + services.settings.link_ttl_s

    def link(path: str, query: str = "") -> str:
        return base_url + links.make(path, query, expires)

    return LinksView(
        expires_at=datetime.fromtimestamp(expires, UTC),
        content={variant: link(*url.split("?")) for variant, url in record.content.items()},
        events=link(f"{record.path}/events"),
    )
