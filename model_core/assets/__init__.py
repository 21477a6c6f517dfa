"""Files that are shipped with the package: weights, instruments, the demo clip. NOTICE tells where each is from."""

from pathlib import Path

from model_core.errors import ModelError


def asset(name: str) -> Path:
    """Path of a shipped file or folder, ``name`` relative to this package's folder with ``/`` between its parts.

    Raises:
        ModelError: when it is not there, or ``name`` points out of the folder.
    """
    folder = Path(__file__).resolve().parent
    path = (folder / name).resolve()
    if not path.is_relative_to(folder) or not path.exists():
        raise ModelError(f"the asset {name} is missing from {folder}; install the package again")
    return path
