"""The API on a real uvicorn, and a client for it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
import uvicorn

from cli.serve import listen, url_of
from jobs.settings import Settings
from service.app import create_app
from service.dependencies import Services

Serve = Callable[[Settings], httpx.Client]


@contextmanager
def serving(settings: Settings) -> Iterator[httpx.Client]:
    """A client of a server that runs in a thread of this process."""
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(settings), log_config=None, access_log=False, lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with httpx.Client(base_url=url_of(listener), timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts an API with the settings a test wants."""
    with ExitStack() as ending:
        yield lambda settings: ending.enter_context(serving(settings))


@pytest.fixture
def client(serve: Serve, settings: Settings) -> httpx.Client:
    """A client of an API with the usual settings."""
    return serve(settings)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """The same database and store as the API's, for looking behind it."""
    opened = Services.open(settings)
    yield opened
    opened.redis.close()
