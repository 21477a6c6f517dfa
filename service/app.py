"""The API, put together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Any, Final

import structlog
from anyio import CapacityLimiter, create_task_group, to_thread
from fastapi import FastAPI, Security
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp

from jobs.infra.metrics_server import serve
from jobs.infra.settings import Settings
from jobs.store import StoreError
from service.dependencies import Services
from service.errors import handlers
from service.events.job_watcher import Watch
from service.idempotency import Idempotency
from service.metrics import ApiMetrics, RequestMetrics
from service.middleware.access_log import AccessLog
from service.middleware.authentication import Authentication
from service.middleware.body_limit import BodyLimit
from service.middleware.body_timeout import BodyTimeout
from service.middleware.concurrent_uploads import ConcurrentUploads
from service.middleware.cors import Cors
from service.middleware.job_limits import JobLimits
from service.middleware.lingering_close import LingeringClose
from service.middleware.request_id import RequestId
from service.openapi import complete
from service.routers import content, curves, events, health, jobs, links
from service.uploads.form import RequireForm
from service.webhook_sender import make_deliverer

log: Final = structlog.get_logger(__name__)
_REDIS_THREADS: Final = 16  # they ask Redis one short question
_FORM_BYTES: Final = 1 << 20  # room for the prompt, the options and the multipart form around the video


_TAGS: Final = [
    {"name": "jobs", "description": "Make jobs, follow them, and fetch what they made."},
    {"name": "health", "description": "For those who watch the service."},
]
_KEY: Final = HTTPBearer(
    auto_error=False, scheme_name="key", description="An API key: `v2m_` and 43 characters. `v2m key NAME` makes one."
)


class _Api(FastAPI):
    """With what must see every answer around it: the usual middleware is inside of the answer to a fault of ours."""

    def build_middleware_stack(self) -> ASGIApp:
        """See Starlette."""
        app: ASGIApp = LingeringClose(super().build_middleware_stack())
        if self.state.cors_origins is not None:
            app = Cors(app, self.state.cors_origins)
        return RequestId(RequestMetrics(app, self.state.metrics))

    def openapi(self) -> dict[str, Any]:
        """See FastAPI."""
        document = super().openapi()  # the same one, as long as the routes are the same
        complete.complete(document)
        return document


def create_app(settings: Settings) -> FastAPI:
    """An app of its own with its own connections; StoreError when the store cannot be used."""
    services = Services.open(settings)
    metrics = ApiMetrics(services)
    webhooks = make_deliverer(services, metrics.webhook)

    watch = Watch(services)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as ending:  # the last first, and the rest of them if one fails
            ending.callback(services.close)
            ending.callback(metrics.state.close)
            try:
                services.store.scratch.sweep()
            except StoreError as error:  # /readyz tells whether the store works; a worker's round sees to what was left
                log.warning("scratch_not_swept", error=str(error))
            server = serve(metrics.registry, settings.metrics_host, settings.metrics_port)
            if server is not None:
                ending.callback(server.close)
            if webhooks is not None:
                webhooks.start()
                ending.push_async_callback(to_thread.run_sync, webhooks.stop)
            tasks = await ending.enter_async_context(create_task_group())
            ending.callback(tasks.cancel_scope.cancel)
            tasks.start_soon(watch.run)
            yield

    app = _Api(
        title="v2m-zero",
        version=version("v2m-zero"),
        description="A soundtrack for a video from a prompt, in time with the picture.",
        openapi_tags=_TAGS,
        generate_unique_id_function=lambda route: route.name,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        form_limits={"max_files": 1, "max_fields": 8},
    )
    app.state.services = services
    app.state.metrics = metrics
    app.state.watch = watch
    app.state.cors_origins = settings.cors_origins
    handlers.install(app)
    limit = settings.max_upload_bytes
    threads = CapacityLimiter(_REDIS_THREADS)
    app.add_middleware(RequireForm)
    app.add_middleware(JobLimits, queue=services.queue, threads=threads)
    app.add_middleware(Idempotency, redis=services.redis, kept_s=settings.idempotency_s)
    sizes = {"max_body_bytes": limit + _FORM_BYTES, "max_upload_bytes": limit}
    app.add_middleware(BodyLimit, **sizes, min_free_bytes=settings.min_free_bytes)
    app.add_middleware(BodyTimeout, limit_s=settings.upload_silence_s)
    app.add_middleware(ConcurrentUploads, limit=settings.max_uploads, limit_per_key=settings.max_uploads_per_key)
    app.add_middleware(Authentication, services=services, threads=threads)
    app.add_middleware(AccessLog)
    # For the document alone: the gate has seen to it by then. Without keys nothing asks for one.
    asks = [Security(_KEY)] if services.keys.required else []
    for router in (jobs.router, curves.router, events.router, content.router, links.router):
        app.include_router(router, dependencies=asks)
    app.include_router(health.router)
    return app
