"""Webhook delivery inside the API process."""

from collections.abc import Callable
from typing import Final

from jobs.webhooks.delivery import SCHEDULE_S, Delivery, DeliveryAttempts, Result
from jobs.webhooks.outbox import Outbox
from jobs.webhooks.sender import Deliverer
from jobs.webhooks.signing import Signer
from service.dependencies import Services

_LEASE_S: Final = 60.0  # longer than one attempt and the wait for Redis after it


def make_deliverer(services: Services, on_result: Callable[[Result], None]) -> Deliverer | None:
    """The deliverer, not started yet; None if the service has no webhook secret."""
    settings = services.settings
    if settings.webhook_secret is None:
        return None
    outbox = Outbox(services.redis, services.records, _LEASE_S)
    delivery = Delivery(private=settings.webhook_private)
    attempts = DeliveryAttempts(outbox, Signer(settings.webhook_secret), delivery, SCHEDULE_S, settings.base_url)
    return Deliverer(outbox, services.records, attempts, on_result)
