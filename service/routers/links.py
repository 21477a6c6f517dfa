"""Short-lived addresses of what a job made, for players and listeners that cannot send a key."""

import math
import time
from datetime import UTC, datetime

from fastapi import APIRouter

from service.dependencies import RecordDep, ServicesDep
from service.openapi.responses import CHANGING, documented
from service.schemas import LinksView

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.post("/{job_id}/links", response_description="The links.", responses=documented("unknown_job", *CHANGING))
def make_links(services: ServicesDep, record: RecordDep) -> LinksView:
    """Signed addresses of the job's results and of its events, to be used as they are and without a key."""
    path, links = f"/v1/jobs/{record.id}", services.links
    expires = math.ceil(time.time()) + services.settings.link_ttl_s
    return LinksView(
        expires_at=datetime.fromtimestamp(expires, UTC),
        content={variant: links.make(f"{path}/content", f"variant={variant}", expires) for variant in record.artifacts},
        events=links.make(f"{path}/events", "", expires),
    )
