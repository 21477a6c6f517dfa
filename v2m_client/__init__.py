"""A client of the HTTP API for Python programs: needs httpx and pydantic, and nothing else of this project."""

from v2m_client.client import Client
from v2m_client.errors import ApiError, ClientError, NoAnswerError
from v2m_client.models import Content, Job, JobError, Links, Model

__all__ = ["ApiError", "Client", "ClientError", "Content", "Job", "JobError", "Links", "Model", "NoAnswerError"]
