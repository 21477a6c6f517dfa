"""The API, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI

from jobs.settings import Settings
from service import problems
from service.access_log import AccessLog
from service.body_limit import BodyLimit
from service.dependencies import Services
from service.routers import health, jobs

_FORM_BYTES: Final = 1 << 20  # room for the prompt, the options and the multipart form around the video


def create_app(settings: Settings) -> FastAPI:
    """An app of its own with its own connections; OSError when the store's folders cannot be made."""
    services = Services.open(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        services.redis.close()

    app = FastAPI(
        title="v2m-zero",
        description="A soundtrack for a video from a prompt, in time with the picture.",
        lifespan=lifespan,
        form_limits={"max_files": 1, "max_fields": 8},
    )
    app.state.services = services
    problems.install(app)
    limit = settings.max_upload_bytes
    app.add_middleware(BodyLimit, max_body_bytes=limit + _FORM_BYTES, max_upload_bytes=limit)
    app.add_middleware(AccessLog)
    app.include_router(jobs.router)
    app.include_router(health.router)
    return app
