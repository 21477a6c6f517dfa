"""A TCP proxy on loopback that breaks connections off where a test wants it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class CuttingProxy:
    """Passes bytes to and from a server.

    Attributes:
        cuts: of the next connections, one each: (``up`` or ``down``, bytes after which it breaks); later ones last.
        connections: how many there have been.
        down: bytes that clients got.
    """

    target: tuple[str, int]
    cuts: list[tuple[str, int]] = field(default_factory=list)
    connections: int = 0
    down: int = 0
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        """To point a client at."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        """Takes connections until the listener is closed."""
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(self.target)
            way, limit = self.cuts.pop(0) if self.cuts else ("", 0)
            for name, source, sink in (("up", client, server), ("down", server, client)):
                given = name, source, sink, limit if name == way else None
                threading.Thread(target=self._pass, args=given, daemon=True).start()

    def _pass(self, name: str, source: socket.socket, sink: socket.socket, left: int | None) -> None:
        try:
            while data := source.recv(16_384 if left is None else min(16_384, left)):
                sink.sendall(data)
                self.down += len(data) if name == "down" else 0
                if left is not None and not (left := left - len(data)):
                    break
        except OSError:  # the other direction has broken it off
            return
        finally:
            for end in (source, sink):
                _end(end)


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # it has ended already
        return
    finally:
        connection.close()


@contextmanager
def cutting(host: str, port: int, *cuts: tuple[str, int]) -> Iterator[CuttingProxy]:
    """A proxy in front of a server."""
    proxy = CuttingProxy((host, port), list(cuts))
    thread = threading.Thread(target=proxy.serve)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.listener.shutdown(socket.SHUT_RDWR)
        proxy.listener.close()
        thread.join()
