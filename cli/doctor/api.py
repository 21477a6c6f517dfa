"""Whether the API answers where the settings say, and what it says of itself."""

import http.client
import json
from collections.abc import Iterator
from typing import Any, Final

from cli.doctor.finding import Deployment, Finding, fail, ok, warn
from cli.serve import url_at

_SUBJECT: Final = "api"
_TIMEOUT_S: Final = 5.0


def check(deployment: Deployment) -> Iterator[Finding]:
    """Live, then ready."""
    settings = deployment.settings
    if settings.port == 0:
        yield warn(_SUBJECT, "V2M_PORT is 0, so its port is not known here", "give V2M_PORT the port that it took")
        return
    where = url_at(settings.host, settings.port)
    try:
        status, body = _get(where, "/healthz")
    except (OSError, http.client.HTTPException) as error:
        advice = "start `v2m up` or `v2m api`, or set V2M_HOST and V2M_PORT as it has them"
        yield warn(_SUBJECT, f"{where} does not answer: {error}", advice)
        return
    if status != 200 or body.get("status") != "ok":
        yield fail(_SUBJECT, f"{where} is not this API", "somebody else has the port: choose another V2M_PORT")
        return
    yield ok(_SUBJECT, f"{where} answers")
    yield _readiness(*_get(where, "/readyz"))


def _readiness(status: int, body: dict[str, Any]) -> Finding:
    if status == 200:
        return ok(_SUBJECT, f"is ready; live workers: {body.get('workers')}")
    missing = body.get("missing") or {}
    found = "; ".join(f"{name} {state}" for name, state in missing.items()) or f"/readyz answers {status}"
    return fail(_SUBJECT, f"is not ready: {found}", "see to what is missing; the log of the API has more")


def _get(where: str, path: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON object of an answer; the object is empty when it is none."""
    connection = http.client.HTTPConnection(where.removeprefix("http://"), timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        try:
            body = json.loads(answer.read())
        except ValueError:
            body = None
        return answer.status, body if isinstance(body, dict) else {}
    finally:
        connection.close()
