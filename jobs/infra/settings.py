"""Settings of the service, read once at start from the environment: ``REDIS_URL`` and the ``V2M_*`` variables."""

import math
import os
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Literal

from pydantic import AliasChoices, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from redis.connection import parse_url

from jobs.infra import access_settings
from jobs.validation import sentence
from jobs.webhooks.message import Signer

DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"
OPEN_JOBS_PER_KEY: Final = 8
"""Default limit of open jobs where there are API keys. A worker always has the next job ready, and in the common queue
the others wait for at most this many jobs of each key. Without keys there is one user, who has the whole queue."""
_PREFIX: Final = "V2M_"
_OF_CLIENTS: Final = frozenset({"V2M_URL", "V2M_API_KEY"})
_DEVICE: Final = re.compile(r"auto|cpu|cuda(:\d+)?")
_PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    "api_keys": access_settings.parse_keys,
    "rate_limit": access_settings.parse_rates,
    "cors_origins": access_settings.parse_origins,
    "trusted_proxies": access_settings.parse_proxies,
    "webhook_secret": Signer,
    "public_url": access_settings.parse_public_url,
}


def default_state_dir() -> Path:
    """``$XDG_STATE_HOME/v2m``, by default ~/.local/state/v2m."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "v2m"


class Settings(BaseSettings):
    """Settings of the API, the worker and ``v2m up``. ``max_upload_bytes`` is ``V2M_MAX_UPLOAD_BYTES``."""

    model_config = SettingsConfigDict(
        env_prefix="V2M_",
        env_ignore_empty=True,
        frozen=True,
        populate_by_name=True,
        extra="ignore",
        hide_input_in_errors=True,  # some of it is secret
    )

    redis_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("REDIS_URL", "V2M_REDIS_URL"),
        description="URL of an external Redis. Without it `v2m up` starts its own.",
    )
    state_dir: Path = Field(
        default_factory=default_state_dir, description="Folder for uploads, results and the embedded Redis."
    )
    model: Path | None = Field(default=None, description="Model folder to use instead of the embedded model.")
    device: str = Field(
        default="auto",
        description="Device of an audio model: cpu, cuda or cuda:NUMBER. auto uses the first GPU if there is one.",
    )
    precision: Literal["auto", "bfloat16", "float32"] = Field(
        default="auto", description="Precision of an audio model. auto: bfloat16 on a GPU, float32 on a CPU."
    )
    window_s: float | None = Field(
        default=None, ge=1, description="Longest music that an audio model generates at once, in seconds."
    )
    compile: bool = Field(
        default=False, description="Compile an audio model. The first job is slow, later jobs are faster."
    )
    look_ahead: Literal["auto", "on", "off"] = Field(
        default="auto", description="Decode the next video while music is generated. auto: only with a GPU."
    )
    host: str = Field(default="127.0.0.1", description="Address that the API listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port that the API listens on. 0 takes a free port.")
    public_url: str | None = Field(
        default=None,
        description="Address of the API as its clients see it, such as https://v2m.example.com. With it all links are "
        "absolute; without it they are paths.",
    )
    api_keys: str | None = Field(
        default=None,
        repr=False,
        description="API keys: NAME:SHA256 of each, separated by commas. `v2m key NAME` creates one. Without keys only "
        "this computer may use the API.",
    )
    rate_limit: str | None = Field(
        default=None,
        description="Most requests of one key, such as 600/minute. Separate several limits with semicolons.",
    )
    max_open_jobs: int | None = Field(
        default=None,
        ge=1,
        description=f"Most queued and running jobs of one key. Default: {OPEN_JOBS_PER_KEY} with API keys, no limit "
        "without.",
    )
    cors_origins: str | None = Field(
        default=None,
        description="Origins of web pages that may call the API, separated by commas. * allows all origins.",
    )
    link_ttl_s: int = Field(
        default=3600, gt=0, le=7 * 24 * 3600, description="Seconds until a signed link expires, at most a week."
    )
    trusted_proxies: str | None = Field(
        default=None,
        description="Proxies whose X-Forwarded-For and X-Forwarded-Proto count: addresses or networks, with commas.",
    )
    gpus: int | None = Field(
        default=None, ge=0, description="Workers of `v2m up`, one for each GPU; by default for all GPUs there are."
    )
    webhook_secret: str | None = Field(
        default=None,
        repr=False,
        description="Secret that signs webhooks: whsec_ and 24 to 64 bytes in base64. Separate several with spaces. "
        "Without it no webhooks are sent.",
    )
    webhook_private: bool = Field(default=False, description="Allow webhooks to private networks and over plain HTTP.")
    idempotency_s: int = Field(default=24 * 3600, gt=0, description="Seconds for which an Idempotency-Key is kept.")
    max_upload_bytes: int = Field(default=2 * 1024**3, gt=0, description="Largest video file, in bytes.")
    max_uploads: int = Field(default=64, ge=1, description="Most concurrent uploads of one API process.")
    max_uploads_per_key: int = Field(default=16, ge=1, description="Most concurrent uploads of one key.")
    upload_silence_s: float = Field(
        default=60.0, gt=0, description="Seconds without data after which an upload is ended."
    )
    max_duration_s: float = Field(default=600.0, gt=0, description="Longest video, in seconds.")
    job_timeout_s: int = Field(
        default=3600, gt=0, description="Longest run of a job, in seconds. Then it fails with the code `timeout`."
    )
    max_crashes: int = Field(
        default=2, ge=1, le=10, description="Number of crashed workers after which their job fails."
    )
    max_retries: int = Field(
        default=20, ge=0, description="Number of times a job is queued again because the store does not work."
    )
    max_queued: int = Field(default=1000, ge=1, description="Most waiting jobs. More are rejected.")
    retention_s: int = Field(
        default=7 * 24 * 3600, gt=0, description="Seconds for which results are kept after their job ends."
    )
    upload_retention_s: int = Field(
        default=24 * 3600, gt=0, description="Seconds for which an upload is kept after its job ends."
    )
    record_retention_s: int = Field(
        default=30 * 24 * 3600, gt=0, description="Seconds for which a job can be queried after its files were removed."
    )
    store: str | None = Field(
        default=None, description="Place of uploads and results: file:///folder or s3://bucket/prefix."
    )
    s3_endpoint: str | None = Field(default=None, description="URL of an S3 service other than Amazon's.")
    store_max_bytes: int | None = Field(
        default=None, gt=0, description="Most bytes in the store. The files of the oldest finished jobs are removed."
    )
    min_free_bytes: int = Field(
        default=256 * 1024**2, ge=0, description="Bytes that stay free on the disk. Other uploads are rejected."
    )
    heartbeat_s: float = Field(default=10.0, gt=0, description="Seconds between two heartbeats of a worker.")
    maintenance_s: int = Field(
        default=60, gt=0, description="Seconds between two searches for lost jobs and expired files."
    )
    metrics_host: str = Field(default="127.0.0.1", description="Address of the metrics of API and worker.")
    metrics_port: int | None = Field(
        default=None, ge=0, le=65535, description="Port of the API's metrics. Without it they are off."
    )
    worker_metrics_port: int | None = Field(
        default=None, ge=0, le=65535, description="Port of a worker's metrics. Without it they are off."
    )
    stop_grace_s: float = Field(default=10.0, gt=0, description="Seconds that `v2m up` waits for its processes.")
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="Format of the log. auto: text on a terminal, otherwise JSON."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lowest level of logged messages."
    )

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, url: str | None) -> str | None:
        if url is not None:
            parse_url(url)  # type: ignore[no-untyped-call]  # its ValueError says what is wrong
        return url

    @field_validator("device")
    @classmethod
    def _check_device(cls, device: str) -> str:
        if not _DEVICE.fullmatch(device):
            raise ValueError("must be auto, cpu, cuda or cuda:NUMBER, such as cuda:1")
        return device

    @field_validator("api_keys", "rate_limit", "cors_origins", "trusted_proxies", "webhook_secret", "public_url")
    @classmethod
    def _check_syntax(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None:
            _PARSERS[str(info.field_name)](text)
        return text

    @property
    def redis(self) -> str:
        """The Redis URL to connect to."""
        return self.redis_url or DEFAULT_REDIS_URL

    @property
    def base_url(self) -> str:
        """Start of the links that the API hands out: the public URL without a slash at the end, or ""."""
        return "" if self.public_url is None else access_settings.parse_public_url(self.public_url)

    @property
    def store_url(self) -> str:
        """URL of the artifact store."""
        return self.store or f"file://{(self.state_dir / 'store').absolute()}"

    @property
    def open_jobs_limit(self) -> int | None:
        """Most open jobs of one key; None for no limit."""
        if self.max_open_jobs is None and self.api_keys is not None:
            return OPEN_JOBS_PER_KEY
        return self.max_open_jobs

    def looks_ahead(self, by_itself: bool) -> bool:
        """True if a worker looks ahead. ``by_itself``: the choice of its model, for ``auto``."""
        return by_itself if self.look_ahead == "auto" else self.look_ahead == "on"

    @property
    def heartbeat_ttl_s(self) -> int:
        """Seconds after its last heartbeat at which a worker counts as lost: six missed heartbeats."""
        return max(2, math.ceil(6 * self.heartbeat_s))


def setting_errors(error: ValidationError) -> list[str]:
    """One sentence for each invalid setting, with the name of its environment variable."""
    return [sentence(_variable(str(one["loc"][0])), one) for one in error.errors()]


def unknown_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """A sentence for each ``V2M_*`` variable that is not a setting, by the variable's name.

    It suggests the setting with the most similar name. Variables of the client and empty ones are left out.
    """
    settings = sorted(_variable(name) for name in Settings.model_fields)
    known = {*settings, "V2M_REDIS_URL", *_OF_CLIENTS}
    found = {}
    for name, value in environ.items():
        if value and name.upper().startswith(_PREFIX) and name.upper() not in known:
            similar = get_close_matches(name.upper(), settings, 1)
            advice = f"Did you mean {similar[0]}?" if similar else "It is ignored."
            found[name] = f"{name} is not a setting. {advice}"
    return found


def _variable(name: str) -> str:
    """The environment variable of a field, which may be given by its alias."""
    if name in ("redis_url", "REDIS_URL"):
        return "REDIS_URL"
    return name if name.startswith(_PREFIX) else f"{_PREFIX}{name.upper()}"
