"""What can be set from outside, read from the environment once at start: ``REDIS_URL`` and the ``V2M_*`` variables."""

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import AliasChoices, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from redis.connection import parse_url

from jobs.infra import access_settings
from jobs.webhooks.signing import Signer

DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"
_PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    "api_keys": access_settings.parse_keys,
    "rate_limit": access_settings.parse_rates,
    "cors_origins": access_settings.parse_origins,
    "trusted_proxies": access_settings.parse_proxies,
    "webhook_secret": Signer,
    "public_url": access_settings.parse_public_url,
}


def default_state_dir() -> Path:
    """``$XDG_STATE_HOME/v2m``, which is ~/.local/state/v2m unless the person moved it."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "v2m"


class Settings(BaseSettings):
    """Settings that the API, the worker and ``v2m up`` share; ``max_upload_bytes`` is ``V2M_MAX_UPLOAD_BYTES``."""

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
        description="An outside Redis. Without it `v2m up` starts its own.",
    )
    state_dir: Path = Field(default_factory=default_state_dir, description="Uploads, results and Redis' data.")
    model: Path | None = Field(default=None, description="Another model folder than the embedded one.")
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="Where an audio model runs; auto: the first GPU if there is one.",
    )
    precision: Literal["auto", "bfloat16", "float32"] = Field(
        default="auto", description="Of an audio model; auto: bfloat16 on a GPU, float32 on a CPU."
    )
    window_s: float | None = Field(
        default=None, ge=1, description="Longest music that an audio model makes at once, in seconds."
    )
    compile: bool = Field(default=False, description="Whether an audio model is compiled: a slow first job, then fast.")
    look_ahead: Literal["auto", "on", "off"] = Field(
        default="auto", description="Whether the next video is decoded while music is made; auto: on a GPU."
    )
    host: str = Field(default="127.0.0.1", description="Address that the API listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port that the API listens on; 0 takes a free one.")
    public_url: str | None = Field(
        default=None,
        description="Address of the API as its clients see it, such as https://v2m.example.com. With it all links are "
        "absolute; without it they are paths.",
    )
    api_keys: str | None = Field(
        default=None,
        repr=False,
        description="Who may use the API: NAME:SHA256 of each key, separated by commas; `v2m key NAME` makes one.",
    )
    rate_limit: str | None = Field(
        default=None, description="Requests that one key may make, such as 600/minute; several separated by ;."
    )
    max_open_jobs: int | None = Field(
        default=None, ge=1, description="So many jobs of one key may be queued or in progress at a time."
    )
    cors_origins: str | None = Field(
        default=None, description="Origins of web pages that may call the API, separated by commas; * for all."
    )
    trusted_proxies: str | None = Field(
        default=None,
        description="Proxies whose X-Forwarded-For and X-Forwarded-Proto count: addresses or networks, with commas.",
    )
    gpus: int | None = Field(
        default=None, ge=0, description="Workers of `v2m up`, one for each GPU; by default for all GPUs there are."
    )
    link_ttl_s: int = Field(default=3600, gt=0, le=7 * 24 * 3600, description="A signed link is good for this long.")
    webhook_secret: str | None = Field(
        default=None,
        repr=False,
        description="Signs webhooks: whsec_ and 24 to 64 bytes in base64; several with spaces between.",
    )
    webhook_private: bool = Field(
        default=False, description="Whether webhooks may go to addresses of private networks and over plain HTTP."
    )
    idempotency_s: int = Field(
        default=24 * 3600, gt=0, description="An Idempotency-Key names the job it has made for this long."
    )
    max_upload_bytes: int = Field(default=2 * 1024**3, gt=0, description="Largest video file that is accepted.")
    max_uploads: int = Field(default=64, ge=1, description="So many uploads may be under way in one process.")
    max_uploads_per_key: int = Field(default=16, ge=1, description="So many uploads of one key may be under way in it.")
    upload_silence_s: float = Field(
        default=60.0, gt=0, description="An upload of which no byte comes for so many seconds is ended."
    )
    max_duration_s: float = Field(default=600.0, gt=0, description="Longest video that is accepted, in seconds.")
    job_timeout_s: int = Field(default=3600, gt=0, description="A job that runs longer fails with the code `timeout`.")
    max_crashes: int = Field(
        default=2, ge=1, le=10, description="A job during which this many workers died is given up."
    )
    max_retries: int = Field(
        default=20, ge=0, description="How often a job goes back into the queue because the store does not work."
    )
    max_queued: int = Field(default=1000, ge=1, description="So many jobs may wait; another is refused for now.")
    retention_s: int = Field(default=7 * 24 * 3600, gt=0, description="Results are kept this long after a job's end.")
    upload_retention_s: int = Field(default=24 * 3600, gt=0, description="Uploads are kept this long after it.")
    record_retention_s: int = Field(
        default=30 * 24 * 3600, gt=0, description="What became of a job can be asked this long after its files went."
    )
    store: str | None = Field(
        default=None, description="Where uploads and results are: file:///folder or s3://bucket/prefix."
    )
    s3_endpoint: str | None = Field(default=None, description="Address of an S3 that is not Amazon's.")
    store_max_bytes: int | None = Field(
        default=None, gt=0, description="The store's quota; the oldest finished jobs' files make room."
    )
    min_free_bytes: int = Field(
        default=256 * 1024**2, ge=0, description="No upload is taken that leaves less than this free on the disk."
    )
    heartbeat_s: float = Field(default=10.0, gt=0, description="A worker shows that it lives this often.")
    maintenance_s: int = Field(default=60, gt=0, description="A worker looks after lost jobs and old files this often.")
    metrics_host: str = Field(default="127.0.0.1", description="Address of the metrics of API and worker.")
    metrics_port: int | None = Field(default=None, ge=0, le=65535, description="Port of the API's metrics; none: off.")
    worker_metrics_port: int | None = Field(
        default=None, ge=0, le=65535, description="Port of a worker's metrics; none: off."
    )
    stop_grace_s: float = Field(default=10.0, gt=0, description="`v2m up` gives its processes this long to stop.")
    log_format: Literal["auto", "json", "text"] = Field(default="auto", description="auto: text on a terminal.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="What is less than this is not logged."
    )

    @field_validator("redis_url")
    @classmethod
    def _can_be_read(cls, url: str | None) -> str | None:
        if url is not None:
            parse_url(url)  # type: ignore[no-untyped-call]  # its ValueError says what is wrong
        return url

    @field_validator("api_keys", "rate_limit", "cors_origins", "trusted_proxies", "webhook_secret", "public_url")
    @classmethod
    def _can_be_understood(cls, text: str | None, info: ValidationInfo) -> str | None:
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
        """Root of the artifact store."""
        return self.store or f"file://{(self.state_dir / 'store').absolute()}"

    def looks_ahead(self, by_itself: bool) -> bool:
        """Whether a worker looks ahead whose model would do so, or not, by itself."""
        return by_itself if self.look_ahead == "auto" else self.look_ahead == "on"

    @property
    def heartbeat_ttl_s(self) -> int:
        """A worker, or the job it ran, counts as lost this many seconds after its last heartbeat: six missed beats."""
        return max(2, math.ceil(6 * self.heartbeat_s))
