"""The form field `webhook`: the URL that receives an event when the job ends."""

from typing import Annotated, Final

from fastapi import Depends, Form
from pydantic.config import JsonDict

from jobs.record import Webhook
from jobs.webhooks.addresses import MAX_URL, InvalidWebhookError, check_url
from service.dependencies import ServicesDep
from service.errors.requests import InvalidWebhook, WebhooksOff

# For the OpenAPI document only: `get_webhook` checks the URL and has better error messages.
_URL: Final[JsonDict] = {"format": "uri", "pattern": "^https?://", "maxLength": MAX_URL}
_EXAMPLE: Final = "https://example.org/hooks/v2m"


def get_webhook(
    services: ServicesDep,
    webhook: Annotated[
        str | None,
        Form(
            description="An `https` URL. The API sends an event to it when the job ends.",
            json_schema_extra=_URL,
            examples=[_EXAMPLE],
        ),
    ] = None,
) -> Webhook | None:
    """The webhook of the form, if it has one. 422 if the service has no webhook secret or refuses the URL."""
    if not webhook:
        return None
    if services.settings.webhook_secret is None:
        raise WebhooksOff
    try:
        return Webhook(url=check_url(webhook, private=services.settings.webhook_private))
    except InvalidWebhookError as error:
        raise InvalidWebhook(str(error), error.limit) from None


WebhookDep = Annotated[Webhook | None, Depends(get_webhook)]
