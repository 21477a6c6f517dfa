"""Python client of the v2m-zero HTTP API. Needs only httpx and pydantic."""

from v2m_client.client import Client
from v2m_client.errors import ApiError, ClientError, NoAnswerError
from v2m_client.models import Content, Job, JobError, Links, Model

__all__ = ["ApiError", "Client", "ClientError", "Content", "Job", "JobError", "Links", "Model", "NoAnswerError"]
