"""The API, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp

from jobs.metrics import serve
from jobs.settings import Settings
from jobs.store import StoreError
from service import problems
from service.access_log import AccessLog
from service.admission import Admission
from service.body_limit import BodyLimit
from service.dependencies import Services
from service.metrics import ApiMetrics, Measured
from service.request_id import RequestId
from service.routers import health, jobs

log: Final = structlog.get_logger(__name__)
_FORM_BYTES: Final = 1 << 20  # room for the prompt, the options and the multipart form around the video


class _Api(FastAPI):
    """With what must see every answer around it: the usual middleware is inside of the answer to a fault of ours."""

    def build_middleware_stack(self) -> ASGIApp:
        """See Starlette."""
        return RequestId(Measured(super().build_middleware_stack(), self.state.metrics))


def create_app(settings: Settings) -> FastAPI:
    """An app of its own with its own connections; StoreError when the store cannot be used."""
    services = Services.open(settings)
    metrics = ApiMetrics(services)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            services.store.scratch.sweep()
        except StoreError as error:  # /readyz tells whether the store works; what was left waits for a worker's round
            log.warning("scratch_not_swept", error=str(error))
        server = serve(metrics.registry, settings.metrics_host, settings.metrics_port)
        yield
        if server is not None:
            server.close()
        metrics.state.close()
        services.close()

    app = _Api(
        title="v2m-zero",
        description="A soundtrack for a video from a prompt, in time with the picture.",
        lifespan=lifespan,
        form_limits={"max_files": 1, "max_fields": 8},
    )
    app.state.services = services
    app.state.metrics = metrics
    problems.install(app)
    limit = settings.max_upload_bytes
    app.add_middleware(Admission, queue=services.queue, path=jobs.PATH)
    app.add_middleware(BodyLimit, max_body_bytes=limit + _FORM_BYTES, max_upload_bytes=limit)
    app.add_middleware(AccessLog)
    app.include_router(jobs.router)
    app.include_router(health.router)
    return app
