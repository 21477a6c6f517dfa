"""The form field `webhook`: the URL that receives an event when the job ends."""

from typing import Annotated, Any, Final

from fastapi import Depends, Form
from pydantic.config import JsonDict

from jobs.record import Webhook
from jobs.webhooks.addresses import MAX_URL, InvalidWebhookError, check_url
from service.dependencies import ServicesDep
from service.problems import Problem

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
        raise Problem(
            422,
            "webhooks_off",
            "webhook: this service does not send webhooks, because V2M_WEBHOOK_SECRET is not set; leave the field out",
            field="webhook",
        )
    try:
        return Webhook(url=check_url(webhook, private=services.settings.webhook_private))
    except InvalidWebhookError as error:
        limit: dict[str, Any] = {} if error.limit is None else {"limit": error.limit}
        raise Problem(422, "invalid_webhook", f"webhook: {error}", field="webhook", **limit) from None


WebhookDep = Annotated[Webhook | None, Depends(get_webhook)]
