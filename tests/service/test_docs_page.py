"""The documentation page: Swagger UI from the package, without anything from other servers."""

import hashlib
import re
from html.parser import HTMLParser

import httpx
import pytest

from service.routers.docs import PATHS
from tests.conftest import MakeSettings
from tests.processes import ROOT
from tests.service.conftest import Serve
from tests.service.keyring import ENTRIES

FOLDER = ROOT / "service/web/swagger_ui"


class Page(HTMLParser):
    """Addresses that the page loads, and the scripts and styles that are written into it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        self.loaded += [value for name, value in attrs if name in ("src", "href") and value]
        self.inline += [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "style") and data.strip():
            self.inline.append(data)


def policy(answer: httpx.Response) -> dict[str, list[str]]:
    """The Content-Security-Policy, by directive."""
    parts = [part.split() for part in answer.headers["content-security-policy"].split(";")]
    return {part[0]: part[1:] for part in parts}


def test_the_page_loads_files_of_the_service_only(client: httpx.Client) -> None:
    answer = client.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Page(answer.text)
    assert page.inline == []
    files = [link for link in page.loaded if link != "data:,"]
    assert len(files) == 3
    for link in files:
        file = client.get(f"/{link}")
        assert file.status_code == 200
        assert file.headers["content-type"].partition(";")[0] in ("text/css", "text/javascript")
    assert {f"/{link}" for link in files} | {"/docs"} == PATHS
    script = client.get("/docs/initializer.js").text
    assert 'url: "openapi.json"' in script
    assert "validatorUrl: null" in script
    assert re.findall(r"https?://", answer.text + script) == []


@pytest.mark.parametrize("path", sorted(PATHS))
def test_browsers_load_nothing_from_other_servers(client: httpx.Client, path: str) -> None:
    for method in ("GET", "HEAD"):
        rules = policy(client.request(method, path))
        assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == ["'none'"]
        assert rules["script-src"] == rules["connect-src"] == ["'self'"]
        sources = {source for values in rules.values() for source in values}
        assert sources == {"'none'", "'self'", "'unsafe-inline'", "data:", "blob:"}
        assert [name for name, values in rules.items() if "'unsafe-inline'" in values] == ["style-src"]


def test_the_files_of_swagger_ui_are_whole(client: httpx.Client) -> None:
    script, style = (client.get(f"/docs/{name}") for name in ("swagger-ui-bundle.js", "swagger-ui.css"))
    assert script.headers["content-encoding"] == style.headers["content-encoding"] == "gzip"
    assert "SwaggerUIBundle" in script.text
    assert ".swagger-ui" in style.text


def test_there_is_no_other_page(client: httpx.Client) -> None:
    for path in ("/redoc", "/docs/", "/docs/index.html", "/docs/oauth2-redirect", "/docs/../app.py"):
        assert client.get(path).status_code == 404


def test_the_page_works_with_keys_and_behind_a_path(serve: Serve, make_settings: MakeSettings) -> None:
    client = serve(make_settings(api_keys=ENTRIES, public_url="https://example.com/v2m"))
    for path in PATHS:
        assert client.get(path).status_code == 200
    assert [link for link in Page(client.get("/docs").text).loaded if link.startswith("/")] == []


def test_every_answer_forbids_browsers_to_guess_its_type(client: httpx.Client) -> None:
    for path in (*PATHS, "/openapi.json", "/healthz", "/readyz", "/v1/jobs", "/v1/jobs/x", "/nowhere"):
        assert client.get(path).headers.get_list("x-content-type-options") == ["nosniff"], path
    assert client.post("/v1/jobs").headers["x-content-type-options"] == "nosniff"


def test_notice_names_the_files_that_are_not_ours() -> None:
    notice = (ROOT / "NOTICE").read_text()
    foreign = [path for path in FOLDER.iterdir() if path.name.startswith("swagger-ui")]
    assert len(foreign) == 3
    for path in foreign:
        about = next(part for part in notice.split("=" * 110) if str(path.relative_to(ROOT)) in part)
        assert hashlib.sha256(path.read_bytes()).hexdigest() in about
        assert "swagger-ui-dist" in about
