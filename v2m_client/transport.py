"""HTTP requests with retries, uploads that report their progress, and parsing of response bodies."""

import io
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from v2m_client.errors import ApiError, ClientError, NoAnswerError

_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 5.0
_PASSING: Final = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError, httpx.ProxyError)
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class Patience:
    """Time and number of attempts since the first error in a row."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.reset()

    def reset(self) -> None:
        """Starts again after a success."""
        self._since: float | None = None
        self._attempts = 0

    def pause(self, error: ClientError) -> None:
        """Waits before the next attempt. Raises `error` if it is not temporary or the time is up."""
        now = monotonic()
        self._since = now if self._since is None else self._since
        wait_s = error.retry_after_s
        if wait_s is None:
            wait_s = min(_FIRST_PAUSE_S * 2**self._attempts, _LONGEST_PAUSE_S) * random.uniform(0.5, 1)
        if not error.is_passing or now + wait_s > self._since + self._seconds:
            raise error
        self._attempts += 1
        sleep(wait_s)


class Transport:
    """Requests to one API."""

    def __init__(self, http: httpx.Client, patience_s: float) -> None:
        self._http = http
        self._patience_s = patience_s
        self._answered = False

    def patience(self) -> Patience:
        """Retries for a new request."""
        return Patience(self._patience_s)

    def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Sends a request, with retries. Returns a successful response whose body has been read.

        ApiError or NoAnswerError. `request` is as for `httpx.Client.request`; its body must allow to be sent twice.
        """
        patience = self.patience()
        repeated = False
        while True:
            try:
                with self.stream(method, path, **request) as answer:
                    answer.read()
                    return answer
            except ClientError as error:
                error.repeated = repeated
                patience.pause(error)
                repeated = repeated or error.is_uncertain

    @contextmanager
    def stream(self, method: str, path: str, **request: Any) -> Iterator[httpx.Response]:
        """Makes one attempt; the caller reads the body of the successful response.

        ApiError, or NoAnswerError, also if the connection breaks while the body is read.
        """
        try:
            with self._http.stream(method, path, **request) as answer:
                self._answered = True
                if not answer.is_success:
                    answer.read()
                    raise ApiError.of(answer)
                yield answer
        except httpx.RequestError as error:
            raise self._no_answer(error) from error

    def _no_answer(self, error: httpx.RequestError) -> NoAnswerError:
        # If nothing has ever answered at this address, it is probably wrong.
        is_passing = isinstance(error, _PASSING) and (self._answered or not isinstance(error, httpx.ConnectError))
        what = str(error) or type(error).__name__
        is_uncertain = not isinstance(error, _NOT_SENT)
        detail = f"{self._http.base_url} does not answer: {what}"
        return NoAnswerError(detail, is_passing=is_passing, is_uncertain=is_uncertain)


AnswerT = TypeVar("AnswerT", bound=BaseModel)


def parse_body(kind: type[AnswerT], body: bytes | str, answer: httpx.Response) -> AnswerT:
    """The model in `body`. ApiError if the body does not fit, for example because the server is not this API."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        detail = f"{answer.url} sent an answer that this client does not understand. Is it the address of the API?"
        raise ApiError(answer.status_code, None, detail) from error


OnBytes = Callable[[int, int | None], None]
"""Called as (bytes so far, total bytes or None if unknown). Starts again at 0 if the transfer is repeated."""


class CountedFile(io.FileIO):
    """File for a streamed upload, which reports how much of it has been read. OSError if it cannot be opened."""

    def __init__(self, path: Path, on_read: OnBytes | None) -> None:
        super().__init__(path, "rb")
        self._on_read = on_read
        self._size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """See io.FileIO."""
        data = super().read(-1 if size is None else size) or b""
        if data and self._on_read is not None:
            self._on_read(self.tell(), self._size)
        return data
