"""Errors of access: keys, signed links, other origins and request rates."""

from collections.abc import Mapping

from service.errors.problem import RETRY_AFTER, Problem, RetryableProblem

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class CorsRefused(Problem):
    """A browser's preflight request has an origin, a method or a header that is not allowed."""

    kind = "cors_refused"
    title = "Cross-origin request refused"
    status = 400
    remedy = "Add the page's origin to `V2M_CORS_ORIGINS`. Send only the headers listed in docs/api.md."

    def __init__(self, headers: Mapping[str, str]) -> None:
        """`headers`: the CORS headers of the response."""
        detail = "The origin, the method or a header of this cross-origin request is not allowed. See V2M_CORS_ORIGINS."
        super().__init__(detail, headers=headers)


class Unauthorized(Problem):
    """The key is missing or unknown, the signature of the link is invalid, or the link's key was removed."""

    kind = "unauthorized"
    title = "Unauthorized"
    status = 401
    remedy = "Send `Authorization: Bearer KEY`, or use the signed link unchanged."
    header_names = ("WWW-Authenticate",)

    def __init__(self, detail: str = "This request needs a valid API key: Authorization: Bearer KEY.") -> None:
        super().__init__(detail, headers=_CHALLENGE)


class LinkExpired(Problem):
    """The signed link has expired."""

    kind = "link_expired"
    title = "Link expired"
    status = 401
    remedy = "Request new links: `POST /v1/jobs/{id}/links`."
    header_names = ("WWW-Authenticate",)

    def __init__(self) -> None:
        detail = "The signed link has expired. Request a new one: POST /v1/jobs/{id}/links."
        super().__init__(detail, headers=_CHALLENGE)


class CrossSite(Problem):
    """The service has no keys, and the request comes from a web page of another origin."""

    kind = "cross_site"
    title = "Cross-site request refused"
    status = 403
    remedy = "Add the page's origin to `V2M_CORS_ORIGINS`, or set `V2M_API_KEYS`."

    def __init__(self) -> None:
        detail = (
            "A service without keys accepts changes only from its own pages and from the origins in V2M_CORS_ORIGINS."
        )
        super().__init__(detail)


class MisdirectedRequest(Problem):
    """The service has no keys, and the header `Host` is not a name of this computer."""

    kind = "misdirected_request"
    title = "Wrong host"
    status = 421
    remedy = (
        "Use `http://127.0.0.1:PORT` or `http://localhost:PORT`. Behind a proxy, let it send that `Host`, or set "
        "`V2M_API_KEYS`."
    )

    def __init__(self) -> None:
        detail = "A service without keys serves only its own computer. The Host header must be localhost or 127.0.0.1."
        super().__init__(detail)


class RateLimited(RetryableProblem):
    """The key, or the address of a client without a key, has sent more requests than `limit`."""

    kind = "rate_limited"
    title = "Too many requests"
    status = 429
    remedy = f"Wait for `{RETRY_AFTER}` and send fewer requests."

    def __init__(self, limit: str, retry_after_s: int) -> None:
        """`limit` in words, such as ``600 per 1 minute``."""
        super().__init__(f"The limit is {limit}. Try again in {retry_after_s} s.", retry_after_s, limit=limit)
