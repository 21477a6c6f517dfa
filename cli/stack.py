"""Redis, one worker and the API as one thing that starts and stops together."""

import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

import typer
from filelock import FileLock, Timeout
from redis import Redis
from redis.exceptions import RedisError

from cli.redis_server import RedisServer
from cli.serve import listen, url_of
from cli.supervisor import Service, Supervisor
from cli.vigil import Vigil
from jobs.infra import process_identity
from jobs.infra.liveness import live_workers
from jobs.infra.process_identity import process_of
from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings
from model_core.models.registry import read_manifest

NOT_USABLE: Final = 2
"""Exit status of what cannot be started with these settings; a worker has the same one (worker.main)."""
_TICK_S: Final = 0.2
_REDIS_START_S: Final = 30.0


class StartError(Exception):
    """The service cannot start; the message says why in one line."""


class _Stopped(Exception):  # noqa: N818 - not an error
    """SIGTERM or Ctrl-C came."""


def say(line: str) -> None:
    """One line for the person who started this."""
    typer.echo(f"v2m: {line}")
    sys.stdout.flush()


def run_stack(settings: Settings, worker_command: Sequence[str]) -> int:
    """Runs everything until SIGTERM or SIGINT and returns 0.

    Raises:
        StartError, PortInUseError: it cannot start, or its worker cannot.
        UnguardedError: others could reach it, and there are no keys.
        ModelError: another model folder is wanted and is none.
    """
    process_identity.deny_inspection()
    if settings.model is not None:
        read_manifest(settings.model)  # told here, before a worker dies of it again and again
    wanted = _StopFlag()
    with ExitStack() as ending:
        ending.enter_context(_only_one(settings))
        listener = ending.enter_context(listen(settings.host, settings.port, local_only=settings.api_keys is None))
        supervisor = Supervisor(say, settings.stop_grace_s)
        url = settings.redis_url or _own_redis(settings, ending, supervisor)
        ending.callback(supervisor.stop)
        # what looks after the rest must not wait for long itself
        redis = ending.enter_context(connect(url, socket_timeout=2.0, retries=1))
        try:
            _await_redis(redis, supervisor, own=settings.redis_url is None, wanted=wanted)
            worker = _start_parts(settings, url, worker_command, listener, supervisor)
            say(
                f"API on {url_of(listener)} (its documentation: {url_of(listener)}/docs); state in {settings.state_dir}"
            )
            _say_where_metrics_are(settings)
            say("the worker is loading the model")
            _tend(settings, redis, supervisor, worker, listener, wanted)
        except _Stopped:
            say("stopping")
    say("stopped")
    return 0


class _StopFlag:
    """Turns the signals that ask for a stop into something the loops can look at."""

    def __init__(self) -> None:
        self._raised = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._raise)

    def _raise(self, *_: object) -> None:
        self._raised = True

    def pause(self) -> None:
        """Waits for one tick; _Stopped when a stop has been asked for."""
        time.sleep(_TICK_S)
        if self._raised:
            raise _Stopped


def _only_one(settings: Settings) -> FileLock:
    settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(settings.state_dir / "up.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise StartError(f"another `v2m up` works in {settings.state_dir}; choose another --state") from None
    return lock


def _own_redis(settings: Settings, ending: ExitStack, supervisor: Supervisor) -> str:
    server = RedisServer(settings.state_dir)
    ending.callback(server.close)
    supervisor.add(Service("Redis", server.command(), {}))
    return server.url


def _await_redis(redis: Redis, supervisor: Supervisor, *, own: bool, wanted: _StopFlag) -> None:
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
        wanted.pause()


def _start_parts(
    settings: Settings, url: str, worker_command: Sequence[str], listener: socket.socket, supervisor: Supervisor
) -> Service:
    # What was given on the command line is in no environment yet.
    given = settings.model_dump(include=settings.model_fields_set - {"redis_url"}, exclude_none=True)
    env = {f"V2M_{name.upper()}": str(value) for name, value in given.items()}
    env |= {"REDIS_URL": url, "V2M_STATE_DIR": str(settings.state_dir.resolve())}
    if settings.model is not None:
        env["V2M_MODEL"] = str(settings.model.resolve())
    worker = Service("worker", worker_command, env)
    supervisor.add(worker)
    # The API inherits our socket: the port stays ours while the API starts again, and waiting clients are served.
    descriptor = listener.fileno()
    command = [sys.executable, "-m", "cli.main", "api", "--fd", str(descriptor)]
    supervisor.add(Service("API", command, env, pass_fds=(descriptor,)))
    return worker


def _tend(
    settings: Settings,
    redis: Redis,
    supervisor: Supervisor,
    worker: Service,
    listener: socket.socket,
    wanted: _StopFlag,
) -> None:
    announced: int | None = None
    # A worker counts as live for one time to live after its last beat, so that makes three in all.
    vigil = Vigil(2 * settings.heartbeat_ttl_s)
    while True:
        wanted.pause()
        # Once a worker was live, what is missing may come back: then it is started again, whatever it ended of.
        if announced is None and worker.process is not None and worker.process.poll() == NOT_USABLE:
            raise StartError("the worker cannot start, and has said why above")
        supervisor.tend()
        live = worker.pid is not None and _is_live(settings, redis, worker.pid)
        if vigil.given_up(worker.pid, live):
            supervisor.kill(worker, f"has shown no sign of life for {3 * settings.heartbeat_ttl_s} s")
        if not live or worker.pid == announced:
            continue
        announced = worker.pid
        say(f"ready: the worker has loaded the model ({time.monotonic() - worker.started_at:.1f} s)")
        key = "" if settings.api_keys is None else '-H "Authorization: Bearer $V2M_API_KEY" '
        say(f'try: curl {key}-F video=@clip.mp4 -F prompt="calm piano" {url_of(listener)}/v1/jobs')


def _is_live(settings: Settings, redis: Redis, pid: int) -> bool | None:
    """Whether this process has shown itself lately; None when Redis does not answer, which may be starting again."""
    try:
        return any(process_of(name) == pid for name in live_workers(redis, settings.heartbeat_ttl_s))
    except RedisError:
        return None


def _say_where_metrics_are(settings: Settings) -> None:
    ports = {"API": settings.metrics_port, "worker": settings.worker_metrics_port}
    told = [
        f"of the {name} on "
        + (f"http://{settings.metrics_host}:{port}/metrics" if port else "a port that its log names")
        for name, port in ports.items()
        if port is not None
    ]
    if told:
        say(f"metrics {', '.join(told)}")
