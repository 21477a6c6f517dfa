"""Storage of uploads and results, on a disk or in a bucket, behind one ``ArtifactStore``."""

from jobs.store.backend import MissingArtifactError, StoreError, StoreFullError
from jobs.store.store import ArtifactStore, StoredJob, check_store

__all__ = ["ArtifactStore", "MissingArtifactError", "StoreError", "StoreFullError", "StoredJob", "check_store"]
