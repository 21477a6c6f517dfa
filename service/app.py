"""The application: routes, middleware, and a lifespan in which it also delivers webhooks."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Any, Final

import structlog
from anyio import CapacityLimiter, create_task_group, to_thread
from fastapi import FastAPI, Security
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp

from jobs.infra.monitoring import serve_metrics
from jobs.infra.settings import Settings
from jobs.store import StoreError
from jobs.webhooks.delivery import SCHEDULE_S, Delivery, DeliveryAttempts, Result
from jobs.webhooks.message import Signer
from jobs.webhooks.outbox import Outbox
from jobs.webhooks.sender import Deliverer
from service.dependencies import Services
from service.errors import handlers
from service.events import Watch
from service.idempotency import Idempotency
from service.metrics import ApiMetrics, RequestMetrics
from service.middleware.authentication import Authentication
from service.middleware.browser_headers import Cors, NoSniff
from service.middleware.job_limits import ConcurrentUploads, JobLimits
from service.middleware.request_body import BodyLimit, BodyTimeout, LingeringClose
from service.middleware.request_log import AccessLog, RequestId
from service.openapi import complete
from service.routers import include_routers
from service.uploads.form import RequireForm

log: Final = structlog.get_logger(__name__)
_REDIS_THREADS: Final = 16  # for short calls to Redis
_WEBHOOK_LEASE_S: Final = 60.0  # longer than one attempt and the wait for Redis after it
_FORM_BYTES: Final = 1 << 20  # room for the prompt, the options and the multipart form around the video


_DESCRIPTION: Final = """
1. Create a job: `POST /v1/jobs` with a video and a prompt.
2. Get the job, `GET /v1/jobs/{job_id}`, until its `status` is `completed`, or stream its events.
3. Download the result: `GET /v1/jobs/{job_id}/content`.

Errors are `application/problem+json` (RFC 9457). Their `type` never changes.
"""
_TAGS: Final = [
    {"name": "jobs", "description": "Create jobs, follow their progress and download their results."},
    {"name": "health", "description": "Health checks for load balancers and monitoring."},
]
_KEY: Final = HTTPBearer(
    auto_error=False,
    scheme_name=complete.SECURITY_SCHEME,
    description="An API key: `v2m_` and 43 characters. `v2m key NAME` creates one. A service without keys accepts "
    "requests from its own machine only, and ignores the key.",
)


class _Api(FastAPI):
    """FastAPI with middleware that also sees the answer to an internal error, which FastAPI adds outside of its own."""

    def build_middleware_stack(self) -> ASGIApp:
        """See Starlette."""
        app: ASGIApp = LingeringClose(super().build_middleware_stack())
        if self.state.cors_origins is not None:
            app = Cors(app, self.state.cors_origins)
        return RequestId(RequestMetrics(NoSniff(app), self.state.metrics))

    def openapi(self) -> dict[str, Any]:
        """See FastAPI."""
        document = super().openapi()  # FastAPI returns the same object every time
        complete.complete(document, key_required=self.state.services.keys.required)
        return document


def create_app(settings: Settings) -> FastAPI:
    """A new app with its own connections. StoreError if the store cannot be used."""
    services = Services.open(settings)
    metrics = ApiMetrics(services)
    webhooks = _make_deliverer(services, metrics.webhook)

    watch = Watch(services)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as ending:  # closes everything in reverse order, even if one fails
            ending.callback(services.close)
            ending.callback(metrics.state.close)
            try:
                services.store.scratch.sweep()
            except StoreError as error:  # /readyz reports the store; a worker removes the rest later
                log.warning("scratch_not_swept", error=str(error))
            server = serve_metrics(metrics.registry, settings.metrics_host, settings.metrics_port)
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
        summary="Add music to a video: it follows a prompt and the picture.",
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        servers=_servers(settings),
        generate_unique_id_function=lambda route: route.name,
        docs_url=None,  # see routers/docs.py
        redoc_url=None,
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
    # The scheme is for the document only: Authentication checks keys.
    include_routers(app, Security(_KEY))
    return app


def _servers(settings: Settings) -> list[dict[str, Any]]:
    here = {"url": "/", "description": "The address that this document was loaded from."}
    if settings.public_url is None:
        return [here]
    return [{"url": settings.base_url, "description": "The public address of the service."}, here]


def _make_deliverer(services: Services, on_result: Callable[[Result], None]) -> Deliverer | None:
    """The deliverer, not started yet; None if the service has no webhook secret."""
    settings = services.settings
    if settings.webhook_secret is None:
        return None
    outbox = Outbox(services.redis, services.records, _WEBHOOK_LEASE_S)
    delivery = Delivery(private=settings.webhook_private)
    attempts = DeliveryAttempts(outbox, Signer(settings.webhook_secret), delivery, SCHEDULE_S, settings.base_url)
    return Deliverer(outbox, services.records, attempts, on_result)
