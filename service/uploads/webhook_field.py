"""The form field ``webhook``."""

from typing import Annotated, Final

from fastapi import Depends, Form
from pydantic.config import JsonDict

from jobs.record import Webhook
from jobs.webhooks.addresses import MAX_URL, InvalidWebhookError, check_url
from service.dependencies import ServicesDep
from service.errors.requests import InvalidWebhook, WebhooksOff

# For the document alone: what is wrong with an address is told below, and in words of its own.
_URL: Final[JsonDict] = {"format": "uri", "pattern": "^https?://", "maxLength": MAX_URL}
_EXAMPLE: Final = "https://example.org/hooks/v2m"


def get_webhook(
    services: ServicesDep,
    webhook: Annotated[
        str | None,
        Form(description="An https URL that is told of the job's end.", json_schema_extra=_URL, examples=[_EXAMPLE]),
    ] = None,
) -> Webhook | None:
    """What the form asks for; None where it does not. 422 when the service sends none, or not to that URL."""
    if not webhook:
        return None
    if services.settings.webhook_secret is None:
        raise WebhooksOff
    try:
        return Webhook(url=check_url(webhook, private=services.settings.webhook_private))
    except InvalidWebhookError as error:
        raise InvalidWebhook(str(error), error.limit) from None


WebhookDep = Annotated[Webhook | None, Depends(get_webhook)]
