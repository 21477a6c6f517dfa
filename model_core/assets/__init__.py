"""Files shipped with the package: weights, instruments and the demo clip; NOTICE has their origins."""

from pathlib import Path

from model_core.errors import ModelError


def asset(name: str) -> Path:
    """Path of a shipped file or folder.

    Args:
        name: path relative to this package's folder, with ``/``.

    Raises:
        ModelError: it is missing, or ``name`` points outside of the folder.
    """
    folder = Path(__file__).resolve().parent
    path = (folder / name).resolve()
    if not path.is_relative_to(folder) or not path.exists():
        raise ModelError(f"the asset {name} is missing from {folder}; install the package again")
    return path
