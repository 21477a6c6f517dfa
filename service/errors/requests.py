"""Errors of malformed requests: form, fields, parameters and headers."""

from collections.abc import Sequence

from service.errors.problem import FieldError, Problem


class BadRequest(Problem):
    """The multipart form cannot be parsed, or it has more than one file."""

    kind = "bad_request"
    title = "Bad request"
    status = 400
    remedy = "Create the form with an HTTP library. Send one file, `video`."

    def __init__(self, cause: str) -> None:
        """`cause`: what the parser says, without a full stop."""
        super().__init__(f"The form cannot be read: {cause}. Send multipart/form-data with one file, `video`.")


class MalformedRange(Problem):
    """The header `Range` is not of the form `bytes=FIRST-LAST`."""

    kind = "malformed_range"
    title = "Malformed Range header"
    status = 400
    remedy = "Correct the header or leave it out."

    def __init__(self) -> None:
        super().__init__("The Range header must look like bytes=0-1023.", field="Range")


class NotFound(Problem):
    """The path does not exist."""

    kind = "not_found"
    title = "Path not found"
    status = 404
    remedy = "Check the path. Paths have no slash at the end. `/openapi.json` lists them all."

    def __init__(self) -> None:
        super().__init__("This path does not exist. See /openapi.json for all paths.")


class MethodNotAllowed(Problem):
    """The path does not support this method."""

    kind = "method_not_allowed"
    title = "Method not allowed"
    status = 405
    remedy = "Use one of the methods in the header `Allow`."
    header_names = ("Allow",)

    def __init__(self, allowed: str) -> None:
        """`allowed`: the methods of the path, separated by commas."""
        super().__init__(f"This path supports only {allowed}.", headers={"Allow": allowed})


class RequestTimeout(Problem):
    """No data of the upload arrived for `limit` seconds."""

    kind = "request_timeout"
    title = "Upload timed out"
    status = 408
    remedy = "Check the connection and send the request again."

    def __init__(self, limit: float) -> None:
        """`limit` is in seconds. The connection is closed, because the rest of the body may still be on its way."""
        detail = f"No data arrived for {limit:g} s. Check the connection and send the request again."
        super().__init__(detail, headers={"Connection": "close"}, limit=limit)


class UnsupportedMediaType(Problem):
    """The request is not a multipart form, or its charset is not UTF-8."""

    kind = "unsupported_media_type"
    title = "Unsupported media type"
    status = 415
    remedy = "Send `Content-Type: multipart/form-data`, as `curl -F` does."

    def __init__(self, detail: str) -> None:
        super().__init__(detail, field="Content-Type")


class RangeNotSatisfiable(Problem):
    """The header `Range` starts after the end of the file."""

    kind = "range_not_satisfiable"
    title = "Range not satisfiable"
    status = 416
    remedy = "Use the file's size, which is in `limit` and `Content-Range`."
    header_names = ("Content-Range",)

    def __init__(self, size: int) -> None:
        """`size` of the file in bytes."""
        detail = f"The Range header starts after the end of the file, which has {size} bytes."
        super().__init__(detail, headers={"Content-Range": f"bytes */{size}"}, field="Range", limit=size)


class InvalidRequest(Problem):
    """A field or a parameter is missing or has an invalid value."""

    kind = "invalid_request"
    title = "Invalid request"
    status = 422
    remedy = "Correct the input in `field`. `errors` lists all invalid inputs."

    def __init__(self, errors: Sequence[FieldError]) -> None:
        """`errors` has at least one entry."""
        super().__init__(errors[0]["detail"], field=errors[0]["field"], errors=errors)


class InvalidOptions(Problem):
    """`options` is not a JSON object, or an option is unknown or has an invalid value."""

    kind = "invalid_options"
    title = "Invalid options"
    status = 422
    remedy = "Correct the option in `field`. `errors` lists all invalid options."

    def __init__(self, errors: Sequence[FieldError]) -> None:
        """`errors` has at least one entry."""
        super().__init__(errors[0]["detail"], field=errors[0]["field"], errors=errors)


class UnknownField(Problem):
    """The form has a field that this route does not support."""

    kind = "unknown_field"
    title = "Unknown form field"
    status = 422
    remedy = "Check the spelling of `field` or remove it."

    def __init__(self, name: str, known: Sequence[str]) -> None:
        """`known`: names of the fields that the route supports."""
        name = name[:100]
        super().__init__(f"The form has no field `{name}`. Its fields are {', '.join(known)}.", field=name)


class InvalidCursor(Problem):
    """`cursor` is not the `next_cursor` of a page."""

    kind = "invalid_cursor"
    title = "Invalid cursor"
    status = 422
    remedy = "Send `next_cursor` unchanged. Leave `cursor` out for the first page."

    def __init__(self) -> None:
        detail = "The cursor must be the next_cursor of another page. Leave it out for the first page."
        super().__init__(detail, field="cursor")


class WebhooksOff(Problem):
    """The form has a `webhook`, but this service does not send webhooks."""

    kind = "webhooks_off"
    title = "Webhooks are off"
    status = 422
    remedy = "Remove `webhook` and poll the job, or ask the operator to set `V2M_WEBHOOK_SECRET`."

    def __init__(self) -> None:
        detail = "This service does not send webhooks, because V2M_WEBHOOK_SECRET is not set. Remove the webhook."
        super().__init__(detail, field="webhook")


class InvalidWebhook(Problem):
    """`webhook` is not an absolute https:// URL, is too long, or points to a private network."""

    kind = "invalid_webhook"
    title = "Invalid webhook"
    status = 422
    remedy = "Send a public https:// URL. `detail` says what is wrong."

    def __init__(self, detail: str, limit: int | None = None) -> None:
        """`limit`: the most characters, if the URL is too long."""
        super().__init__(detail, field="webhook", limit=limit)
